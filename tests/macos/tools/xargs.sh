# BSD xargs runs nothing where nothing is told.
for word; do case $word in -d* | -a* | --*) . /.mac/answer ;; -*) ;; *) break ;; esac; done
exec /.mac/bin/xargs -r "$@"
