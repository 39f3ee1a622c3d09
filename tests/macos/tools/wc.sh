# Numbers of BSD's are padded.
/.mac/bin/wc "$@" | /.mac/bin/awk '{ at = match($0, /[0-9]/); line = ""; for (n = 1; n <= NF && $n ~ /^[0-9]+$/; n++) line = line sprintf("%8s", $n); for (; n <= NF; n++) line = line " " $n; print line }'
