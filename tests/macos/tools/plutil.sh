# plutil(1): `-convert xml1 -o - FILE...`. What each file's XML is was worked out with plistlib as the host was made.
[ "${1-} ${2-} ${3-} ${4-}" = '-convert xml1 -o -' ] || . /.mac/answer
shift 4
if [ "${1-}" = -- ]; then shift; fi
[ $# -gt 0 ] || . /.mac/answer
status=0
for file; do
    whole=$(/.mac/bin/readlink -f -- "$file")
    if [ ! -f "$file" ] || [ ! -r "$file" ]; then
        printf '%s: file does not exist or is not readable or is not a regular file (Error Domain=NSCocoaErrorDomain Code=257)\n' "$file" >&2
        status=1
    elif [ -f "/.mac/xml$whole" ]; then /.mac/bin/cat "/.mac/xml$whole"
    else
        printf '%s: Property List error: Unexpected character at line 1 / JSON error: JSON text did not start with array or object\n' "$file" >&2
        status=1
    fi
done
exit "$status"
