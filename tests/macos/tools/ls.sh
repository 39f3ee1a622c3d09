# ls(1) of macOS: -e shows access lists below an entry, whose modes then end with +; -T shows whole times, -O flags.
lists=
flags=
while [ $# -gt 0 ]; do
    case $1 in
        --) shift; break ;;
        --*) . /.mac/answer ;;
        -?*) flags=$flags${1#-}; shift ;;
        *) break ;;
    esac
done
case $flags in *[vXZIwbNQDBGgpUO@]*) . /.mac/answer ;; esac
case $flags in *e*) lists=yes; flags=$(printf %s "$flags" | /.mac/bin/tr -d e) ;; esac
time=
case $flags in *T*) time='--time-style=+%b %e %H:%M:%S %Y'; flags=$(printf %s "$flags" | /.mac/bin/tr -d T) ;; esac
# A name is shown as it is where nobody looks; -q and -B belong to terminals.
if [ -z "$lists" ] || [ ! -s /.mac/acls ]; then
    exec /.mac/bin/ls -N ${flags:+"-$flags"} ${time:+"$time"} -- "$@"
fi
case $flags in *d*) ;; *) . /.mac/answer ;; esac
status=0
for entry; do
    row=$(/.mac/bin/ls -N "-$flags" ${time:+"$time"} -- "$entry") || { status=1; continue; }
    list=$(/.mac/bin/awk -F '\t' -v path="$entry" '$1 == path { print " " $2 }' /.mac/acls)
    if [ -n "$list" ]; then printf '%s+%s\n%s\n' "$(printf %s "$row" | /.mac/bin/cut -c1-10)" "$(printf %s "$row" | /.mac/bin/cut -c11-)" "$list"
    else printf '%s\n' "$row"; fi
done
exit "$status"
