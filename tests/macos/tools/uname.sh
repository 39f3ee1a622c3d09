while read -r option word; do
    if [ "${1--s}" = "$option" ] && [ $# -le 1 ]; then printf '%s\n' "$word"; exit 0; fi
done </.mac/uname
. /.mac/answer
