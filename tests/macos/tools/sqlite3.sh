# A database that may not be read is what the real one says of it, whoever asks.
for word; do
    case $word in
        *.db | *.sqlite | *.sqlite3 | file:*)
            file=${word#file:}
            file=${file%%\?*}
            if [ ! -e "$file" ]; then
                printf 'Error: unable to open database "%s": unable to open database file\n' "$file" >&2
                exit 1
            fi
            if [ ! -r "$file" ]; then
                printf 'Error: unable to open database "%s": authorization denied\n' "$file" >&2
                exit 1
            fi ;;
    esac
done
. /.mac/answer
