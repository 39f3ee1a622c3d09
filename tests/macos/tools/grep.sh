# BSD grep has no -P, and its -z reads compressed files.
for word; do
    case $word in
        --) break ;;
        --*) . /.mac/answer ;;
        -*[PzZT]*) . /.mac/answer ;;
        -*) ;;
        *) break ;;
    esac
done
exec /.mac/bin/grep "$@"
