# What a stub does with the call that it was given: says what the host's files say of it, or notes that none does.
# $tool, $key (the words, each with US behind it) and $answer (a number, or nothing) are set by who sources this.
if [ -z "$answer" ]; then
    printf '%s %s\n' "$tool" "$key" | /.mac/bin/tr '\037' ' ' >>/.mac/undocumented
    printf '%s: undocumented call\n' "$tool" >&2
    exit 127
fi
printf '%s\n' "$answer" >>/.mac/used
said=/.mac/said/$answer
if [ ! -r /.mac/is-root ] && [ -e "$said.plain" ]; then said=$said.plain
elif [ -e /.mac/is-closed ] && [ -e "$said.closed" ]; then said=$said.closed; fi
if [ -s "$said.err" ]; then /.mac/bin/cat "$said.err" >&2; fi
if [ -s "$said.out" ]; then /.mac/bin/cat "$said.out"; fi
read -r status <"$said"
exit "$status"
