case "$*" in '' | -u | -un | -g | -gn | -G | -Gn | -ur | -gr | '-u '* | '-un '* | '-Gn '* | '-G '* | '-gn '* | '-g '*) exec /.mac/bin/id "$@" ;; esac
. /.mac/answer
