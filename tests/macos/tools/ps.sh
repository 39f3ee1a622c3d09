# What runs here is the probe alone: its own processes are found by this one call of the probe's head.
[ "$*" = '-A -o ppid= -o pid=' ] || . /.mac/answer
for file in /.mac/proc/[0-9]*/stat; do
    line=
    read -r line 2>/dev/null <"$file" || continue
    rest=${line##*) }
    rest=${rest#? }
    printf '%s %s\n' "${rest%% *}" "${line%% *}"
done
