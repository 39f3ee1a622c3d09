# stat(1) of macOS: -f FORMAT, worked out from what GNU stat tells.
follow=
end='\n'
while :; do
    case ${1-} in
        -L) follow=-L; shift ;;
        -n) end=; shift ;;
        -Lf) follow=-L; shift; format=$1; shift; break ;;
        -nf) end=; shift; format=$1; shift; break ;;
        -f) shift; format=$1; shift; break ;;
        *) . /.mac/answer ;;
    esac
done
if [ "${1-}" = -- ]; then shift; fi
status=0
for file; do
    told=$(/.mac/bin/stat $follow --printf '%f %u %g %s %Y %h %d %i %U %G %A %F' -- "$file" 2>/dev/null) || {
        if [ -e "$file" ]; then why='Permission denied'; else why='No such file or directory'; fi
        printf 'stat: %s: stat: %s\n' "$file" "$why" >&2
        status=1
        continue
    }
    FORMAT=$format END=$end FILE=$file TOLD=$told /.mac/bin/awk '
        function number(hex,    at, sum) {
            for (at = 1; at <= length(hex); at++) sum = sum * 16 + index("0123456789abcdef", substr(hex, at, 1)) - 1
            return sum
        }
        BEGIN {
            count = split(ENVIRON["TOLD"], is, " ")
            mode = number(is[1])
            kind = is[12]; for (at = 13; at <= count; at++) kind = kind " " is[at]
            kinds["directory"] = "Directory"; kinds["regular file"] = "Regular File"; kinds["regular empty file"] = "Regular File"
            kinds["symbolic link"] = "Symbolic Link"; kinds["socket"] = "Socket"; kinds["fifo"] = "Fifo File"
            kinds["character special file"] = "Character Device"
            rest = ENVIRON["FORMAT"]
            while ((at = index(rest, "%")) > 0) {
                out = out substr(rest, 1, at - 1)
                rest = substr(rest, at)
                if (substr(rest, 2, 3) == "OLp" || substr(rest, 2, 2) == "Lp") {
                    out = out sprintf("%o", mode % 512)
                    rest = substr(rest, substr(rest, 2, 1) == "O" ? 5 : 4)
                }
                else if (substr(rest, 2, 2) == "Mp") { out = out sprintf("%o", int(mode / 512) % 8); rest = substr(rest, 4) }
                else if (substr(rest, 2, 2) == "Op") { out = out sprintf("%o", mode); rest = substr(rest, 4) }
                else if (substr(rest, 2, 2) == "Su") { out = out is[9]; rest = substr(rest, 4) }
                else if (substr(rest, 2, 2) == "Sg") { out = out is[10]; rest = substr(rest, 4) }
                else if (substr(rest, 2, 2) == "Sp") { out = out is[11]; rest = substr(rest, 4) }
                else if (substr(rest, 2, 2) == "HT") { out = out kinds[kind]; rest = substr(rest, 4) }
                else if (substr(rest, 2, 2) == "Sf") { out = out "-"; rest = substr(rest, 4) }
                else {
                    word = substr(rest, 2, 1)
                    if (word == "p") out = out sprintf("%o", mode)
                    else if (word == "u") out = out is[2]
                    else if (word == "g") out = out is[3]
                    else if (word == "z") out = out is[4]
                    else if (word == "m") out = out is[5]
                    else if (word == "l") out = out is[6]
                    else if (word == "d") out = out is[7]
                    else if (word == "i") out = out is[8]
                    else if (word == "N") out = out ENVIRON["FILE"]
                    else if (word == "n") out = out "\n"
                    else if (word == "t") out = out "\t"
                    else if (word == "%") out = out "%"
                    else exit 3
                    rest = substr(rest, 3)
                }
            }
            printf "%s%s", out rest, (ENVIRON["END"] == "" ? "" : "\n")
        }' || . /.mac/answer
done
exit "$status"
