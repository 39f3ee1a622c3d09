# BSD date has no -d and no long options; what it has beside a format is not this machine's.
for word; do case $word in -u | +*) ;; *) . /.mac/answer ;; esac; done
exec /.mac/bin/date "$@"
