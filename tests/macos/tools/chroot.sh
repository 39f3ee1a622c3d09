# chroot(8) of macOS: -u USER -g GROUP -G GROUPS before the new root.
user=
group=
groups=
while :; do
    case ${1-} in
        -u) user=$2; shift 2 ;;
        -g) group=$2; shift 2 ;;
        -G) groups=$2; shift 2 ;;
        -*) . /.mac/answer ;;
        *) break ;;
    esac
done
exec /.mac/bin/chroot ${user:+"--userspec=$user:$group"} ${groups:+"--groups=$groups"} "$@"
