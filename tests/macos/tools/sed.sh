# Without the ways of GNU; -i is for no probe.
case ${1-} in -i* | --*) . /.mac/answer ;; esac
exec /.mac/bin/sed --posix "$@"
