# Remove a product: packages by their manager, copies without one into quarantine; and bring both back.
#
# Usage: capture|remove|restore|dry-remove|dry-restore ID [package=MANAGER/NAME ...] [copy=SHA256:/path ...]
# `-` for an unknown SHA256. Restore takes the captured state on standard input. A package of dpkg keeps its settings;
# those of the others are in the state. What still runs of it is ended.
# shellcheck shell=sh disable=SC2046,SC2086

QUARANTINE=/var/lib/auditor-quarantine

managers() { printf '%s\n' $PACKAGES | sed -n 's|/.*||p' | sort -u; }

names_of_manager() { printf '%s\n' $PACKAGES | sed -n "s|^$1/||p"; }

# Print the units that come with the packages.
package_units() {
    for package in $PACKAGES; do
        package_files "${package%%/*}" "${package#*/}" | sed -n 's|.*/systemd/system/\([^/]*\.\(service\|socket\|timer\|path\)\)$|\1|p'
    done | sort -u
}

# ---- what runs

# Print `process-id device:inode path` of every program that runs in this system itself, not in a container.
programs_running() {
    own=$(readlink /proc/self/ns/pid)
    find /proc -maxdepth 1 -name '[0-9]*' | while read -r process; do
        [ "$(readlink "$process/ns/pid" 2>/dev/null)" = "$own" ] || continue
        path=$(readlink "$process/exe" 2>/dev/null) || continue
        printf '%s %s %s\n' "${process##*/}" "$(stat -Lc %d:%i "$process/exe" 2>/dev/null || :)" "${path% (deleted)}"
    done
}

# Print the process ids of programs whose path (or, for copies, file) is on a list. A package's programs are known by path:
# what runs may be of an earlier version.
processes_of() {
    programs_running | while read -r process file path; do
        if printf '%s\n' "$1" | grep -Fqx -e "$path" -e "$file"; then
            printf '%s\n' "$process"
        fi
    done
}

end_processes() {
    kill -TERM $1 2>/dev/null || :
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.5
        kill -0 $1 2>/dev/null || return 0
    done
    kill -KILL $1 2>/dev/null || :
}

end_all_of() {
    [ -n "$1" ] || return 0
    found=$(processes_of "$1")
    [ -z "$found" ] || step end_processes "$(printf '%s' "$found" | tr '\n' ' ')"
}

# ---- copies that no package manager knows

sum_of() {
    if [ -d "$1" ]; then
        (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2 | sha256sum | cut -d' ' -f1)
    else
        sha256sum <"$1" | cut -d' ' -f1
    fi
}

copy_state() {
    if [ -L "$1" ] || [ ! -e "$1" ]; then
        printf 'copy\t%s\tabsent\n' "$1"
    else
        printf 'copy\t%s\t%s\t%s\t%s\t%s\n' "$1" "$(sum_of "$1")" "$(stat -c %a "$1")" "$(stat -c %u:%g "$1")" "$(stat -c %Y "$1")"
    fi
}

# A path that whoever owns a folder above can bend is not followed.
check_copy() {
    [ "$(readlink -f "$1")" = "$1" ] || refuse "$1 goes over a link: name the place itself"
    case $1 in
        /*/*) ;;
        *) refuse "$1 is a folder of the system" ;;
    esac
    case $1 in
        /usr/bin | /usr/sbin | /usr/lib | /usr/lib64 | /usr/local | /usr/share | /var/* | /etc/* | /home/* | /run/* | /proc/* | /sys/* | /dev/*)
            case ${1#/*/} in
                */*) ;;
                *) [ ! -d "$1" ] || refuse "$1 is a folder of the system or of an account" ;;
            esac
            ;;
    esac
    owner=
    if has dpkg-query; then
        owner=$(dpkg-query -S "$1" 2>/dev/null || :)
    elif has rpm; then
        owner=$(rpm -qf "$1" 2>/dev/null || :)
    elif has pacman; then
        owner=$(pacman -Qoq -- "$1" 2>/dev/null || :)
    fi
    [ -z "$owner" ] || refuse "$1 belongs to a package ($owner): remove that"
}

files_of_copy() {
    find "$1" -type f -exec stat -c %d:%i {} + 2>/dev/null
}

quarantine() {
    folder="$QUARANTINE/$ID"
    (umask 077 && mkdir -p "$folder")
    chmod 700 "$QUARANTINE" "$folder"
    number=1
    while [ -e "$folder/$number" ]; do
        number=$((number + 1))
    done
    line=$(copy_state "$1")
    mv -T "$1" "$folder/$number"
    printf '%s\t%s\n' "$number" "$line" >>"$folder/manifest"
    if [ "$2" != - ] && [ "$(sum_of "$folder/$number")" != "$2" ]; then
        mv -nT "$folder/$number" "$1"
        drop_from_manifest "$folder" "$number"
        refuse "$1 is not the file that was seen: its checksum differs"
    fi
}

drop_from_manifest() {
    rest=$(grep -v "^$2$TAB" "$1/manifest" || :)
    if [ -n "$rest" ]; then
        printf '%s\n' "$rest" >"$1/manifest"
    else
        rm -f "$1/manifest"
        rmdir "$1"
        rmdir "$QUARANTINE" 2>/dev/null || :
    fi
}

# Move a copy back to the place of a line of state.
bring_copy_back() {
    path=$1
    folder="$QUARANTINE/$ID"
    number=$(awk -F'\t' -v path="$path" -v sum="$2" '$3 == path && $4 == sum { print $1; exit }' "$folder/manifest" 2>/dev/null || :)
    [ -n "$number" ] || refuse "$path is not in quarantine"
    parent=${path%/*}
    [ "$(readlink -f "$parent")" = "$parent" ] && [ -d "$parent" ] || refuse "$parent is not there any more"
    [ ! -e "$path" ] && [ ! -L "$path" ] || refuse "something else stands at $path"
    mv -nT "$folder/$number" "$path"
    [ -e "$path" ] || refuse "$path could not be put back"
    drop_from_manifest "$folder" "$number"
}

# ---- the verbs

capture() {
    for package in $PACKAGES; do
        manager=${package%%/*}
        name=${package#*/}
        package_state "$manager" "$name"
        for file in $(package_settings "$manager" "$name"); do
            if [ -f "$file" ] && [ "$(stat -c %s "$file")" -le 262144 ]; then
                file_state "$file"
                for saved in $(saved_settings "$manager" "$file"); do
                    file_state "$saved"
                done
            fi
        done
    done
    if [ -d /run/systemd/system ]; then
        for unit in $(package_units); do
            unit_state system "$unit"
        done
    fi
    printf '%s\n' "$COPIES" | while read -r copy; do
        [ -z "$copy" ] || copy_state "${copy#*:}"
    done
}

remove() {
    programs=
    for manager in $(managers); do
        there=
        for name in $(names_of_manager "$manager"); do
            if is_installed "$manager" "$name"; then
                there="$there $name"
                programs="$programs
$(package_files "$manager" "$name")"
            fi
        done
        [ -n "$there" ] || continue
        check_dependents "$manager" $there
        step take_off "$manager" $there
        if [ "$DRY" = no ]; then
            for name in $there; do
                ! is_installed "$manager" "$name" || refuse "$name is still there"
            done
        fi
    done
    end_all_of "$programs"
    IFS='
'
    for copy in $COPIES; do
        unset IFS
        path=${copy#*:}
        if [ -e "$path" ] && [ ! -L "$path" ]; then
            check_copy "$path"
            end_all_of "$(files_of_copy "$path")"
            step quarantine "$path" "${copy%%:*}"
        fi
    done
    unset IFS
    finish
}

restore() {
    state=$(cat)
    IFS='
'
    for line in $(printf '%s\n' "$state" | grep "^package$TAB" || :); do
        IFS=$TAB
        set -- $line
        unset IFS
        case $4 in
            absent) continue ;;
        esac
        now=$(package_state "$2" "$3" | head -n 1)
        # The origin may have moved on; the package itself is what counts.
        if [ "$(printf '%s\n' "$now" | cut -f1-4,6)" != "$(printf '%s\n' "$line" | cut -f1-4,6)" ]; then
            step put_back "$2" "$3" "$4" "$5" "$6"
        fi
    done
    unset IFS
    # Links are those of units, and come with them.
    restore_files <<EOF
$(printf '%s\n' "$state" | grep -e "^file$TAB" -e "^absent$TAB" || :)
EOF
    if printf '%s\n' "$state" | grep -q "^unit$TAB" && [ "$CHANGED$DRY" != yesyes ]; then
        restore_units "$state"
    fi
    IFS='
'
    for line in $(printf '%s\n' "$state" | grep "^copy$TAB" || :); do
        IFS=$TAB
        set -- $line
        unset IFS
        if [ "$3" != absent ] && [ "$(copy_state "$2")" != "$line" ]; then
            step bring_copy_back "$2" "$3"
        fi
    done
    unset IFS
    finish
}

verb=$1
ID=$2
shift 2
PACKAGES=
COPIES=
for argument; do
    case $argument in
        package=*) PACKAGES="$PACKAGES ${argument#package=}" ;;
        copy=*) COPIES="$COPIES${argument#copy=}
" ;;
        *) refuse "unknown argument: $argument" ;;
    esac
done
case $verb in
    dry-*)
        DRY=yes
        verb=${verb#dry-}
        ;;
esac
case $verb in
    capture | remove | restore) "$verb" ;;
    *) refuse "unknown verb: $verb" ;;
esac
