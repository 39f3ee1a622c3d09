# find(1) of macOS: a path is needed, there is no -printf and its kin, and "any of these bits" is -perm +mode.
case ${1-} in -[HLP]) ;; -* | '') . /.mac/answer ;; esac
for word; do
    case $word in
        -printf | -fprintf | -fprint* | -fls | -readable | -writable | -executable | -regextype | -daystart | -quit | -wholename | -ignore_readdir_race | -noignore* | -xtype | -context | -used)
            . /.mac/answer ;;
    esac
done
count=$#
last=
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    if [ "$last" = -perm ]; then
        case $word in
            +*) word=/${word#+} ;;
            /*) . /.mac/answer ;;
        esac
    fi
    last=$word
    set -- "$@" "$word"
    count=$((count - 1))
done
exec /.mac/bin/find "$@"
