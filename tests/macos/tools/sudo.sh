# sudo: lets those in whom the host's maker named, and says to others what sudo says. It runs with root's rights.
ask=
mode=
while [ $# -gt 0 ]; do
    case $1 in
        -n | -S | -v) mode="$mode$1"; shift ;;
        -p) ask=$2; shift 2 ;;
        --) shift; break ;;
        *) break ;;
    esac
done
caller=$(/.mac/bin/id -ru)
while read -r uid password <&3; do
    [ "$uid" = "$caller" ] || continue
    case $mode in
        *-S*)
            if [ -n "$password" ]; then
                printf '%s' "$ask" >&2
                IFS= read -r said
                if [ "$said" != "$password" ]; then
                    printf 'Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n' >&2
                    exit 1
                fi
            fi ;;
        *) if [ -n "$password" ]; then printf 'sudo: a password is required\n' >&2; exit 1; fi ;;
    esac
    case $mode in *-v*) exit 0 ;; esac
    exec /.mac/bin/setpriv --reuid=0 --regid=0 --clear-groups -- "$@" 3<&-
done 3</.mac/sudoers
printf '%s is not in the sudoers file.\n' "$(/.mac/bin/id -run)" >&2
exit 1
