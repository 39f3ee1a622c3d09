# Packages of each package manager: what is installed and from where, taking it off, putting that version back.
#
# A package is written MANAGER/NAME; its state is a line `package MANAGER NAME absent`, or
# `package MANAGER NAME VERSION ORIGIN MARK`. Without an origin that still has this version it cannot be put back.
# shellcheck shell=sh disable=SC2046,SC2086

# Run apt, dpkg and what they call without a question to anybody.
quietly() { DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 "$@" </dev/null >/dev/null; }

absent_package() { printf 'package\t%s\t%s\tabsent\n' "$1" "$2"; }

package_line() { printf 'package\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-none}" "${5:-none}"; }

is_installed() { ! package_state "$1" "$2" | grep -q "${TAB}absent\$"; }

# Print the first archive, apart from the database of what is installed, that has a version: PACKAGE VERSION.
apt_origin() {
    apt-cache policy "$1" 2>/dev/null | awk -v version="$2" '
        /^        / { if (here && $2 != "/var/lib/dpkg/status") { print $2 " " $3; exit } next }
        /^ (\*\*\*|   ) / { here = ($(NF - 1) == version) }'
}

package_state() {
    case $1 in
        dpkg)
            row=$(dpkg-query -W -f='${db:Status-Abbrev}\t${Version}\t${Architecture}\n' "$2" 2>/dev/null | grep '^.i' || :)
            if [ -z "$row" ]; then
                absent_package "$1" "$2"
                return 0
            fi
            version=$(printf '%s\n' "$row" | cut -f2)
            mark=manual
            if has apt-mark; then
                [ -z "$(apt-mark showauto "$2" 2>/dev/null)" ] || mark=auto
            fi
            case $row in
                h*) mark="$mark,hold" ;;
            esac
            package_line "$1" "$2" "$version" "$(apt_origin "$2" "$version")" "$mark"
            ;;
        rpm)
            # It says on standard output that a package is not there.
            if ! rpm -q -- "$2" >/dev/null 2>&1; then
                absent_package "$1" "$2"
                return 0
            fi
            row=$(rpm -q --qf '%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\n' -- "$2" | tail -n 1)
            package_line "$1" "$2" "$row" "$(rpm_origin "$2" "$row")" "$(rpm_mark "$2")"
            ;;
        pacman)
            row=$(pacman -Q -- "$2" 2>/dev/null) || row=
            if [ -z "$row" ]; then
                absent_package "$1" "$2"
                return 0
            fi
            mark=explicit
            ! pacman -Qdq -- "$2" >/dev/null 2>&1 || mark=dependency
            package_line "$1" "$2" "${row#* }" "$(pacman_origin "$2" "${row#* }")" "$mark"
            ;;
        apk)
            if ! apk info -e "$2" >/dev/null 2>&1; then
                absent_package "$1" "$2"
                return 0
            fi
            row=$(apk list --installed "$2" 2>/dev/null | awk '{ print $1; exit }')
            package_line "$1" "$2" "${row#"$2"-}" "$(apk policy "$2" 2>/dev/null | awk '/https?:|^ +\// { print $1; exit }')" none
            file_state /etc/apk/world
            ;;
        snap)
            row=$(snap list "$2" 2>/dev/null | awk 'NR == 2 { print $3, $4, $6 }')
            if [ -z "$row" ]; then
                absent_package "$1" "$2"
            else
                package_line "$1" "$2" $row
            fi
            ;;
        flatpak | flatpak@*)
            row=$(flatpak_of "$1" list --app --columns=application,branch,active,origin 2>/dev/null |
                awk -F'\t' -v name="$2" '$1 == name { print $2 "/" $3, $4; exit }')
            if [ -z "$row" ]; then
                absent_package "$1" "$2"
            else
                package_line "$1" "$2" $row
            fi
            ;;
    esac
}

rpm_program() {
    for program in dnf zypper yum; do
        if has "$program"; then
            printf '%s\n' "$program"
            return 0
        fi
    done
    printf 'rpm\n'
}

rpm_origin() {
    case $(rpm_program) in
        dnf) dnf -q repoquery --qf '%{repoid}\n' "$1-$2" 2>/dev/null | grep -v '^@\|^$' | head -n 1 ;;
        zypper)
            zypper -q --no-refresh search -s --match-exact -t package "$1" 2>/dev/null |
                awk -F'|' -v version="${2#*:}" '{ gsub(/ /, "") } $4 "." $5 == version && $6 !~ /System/ { print $6; exit }'
            ;;
        yum) yum -q --showduplicates list available "$1-${2#*:}" 2>/dev/null | awk 'END { print $3 }' ;;
    esac
}

rpm_mark() {
    if [ "$(rpm_program)" = dnf ]; then
        dnf -q repoquery --installed --qf '%{reason}\n' "$1" 2>/dev/null | head -n 1
    fi
}

pacman_cached() {
    find /var/cache/pacman/pkg -name "$1-$2-*.pkg.tar*" ! -name '*.sig' 2>/dev/null | head -n 1
}

pacman_origin() {
    cached=$(pacman_cached "$1" "$2")
    if [ -n "$cached" ]; then
        printf '%s\n' "$cached"
    else
        pacman -Si -- "$1" 2>/dev/null | awk -F' *: *' -v version="$2" '
            $1 == "Repository" { where = $2 } $1 == "Version" && $2 == version { print where; exit }'
    fi
}

# Flatpak for the system, or as the account of `flatpak@ACCOUNT`.
flatpak_of() {
    case $1 in
        flatpak@*)
            account=${1#flatpak@}
            shift
            verb=$1
            shift
            runuser -u "$account" -- flatpak "$verb" --user "$@"
            ;;
        *)
            shift
            verb=$1
            shift
            flatpak "$verb" --system "$@"
            ;;
    esac
}

# Print the files that packages brought, for all of which the manager can say it.
package_files() {
    case $1 in
        dpkg) dpkg-query -L "$2" 2>/dev/null ;;
        rpm) rpm -ql "$2" 2>/dev/null ;;
        pacman) pacman -Qlq -- "$2" 2>/dev/null ;;
        apk) apk info -qL "$2" 2>/dev/null | sed 's|^|/|' ;;
    esac
}

# Print files of settings that go, or get another name, when the package goes.
package_settings() {
    case $1 in
        rpm) rpm -qc "$2" 2>/dev/null | sed '/^(/d' ;;
        pacman)
            pacman -Qii -- "$2" 2>/dev/null | awk '
                /^[A-Z]/ && / : / { inside = /^Backup Files/ }
                /^Backup Files/ { inside = 1 }
                inside { for (n = 1; n <= NF; n++) if ($n ~ /^\//) print $n }'
            ;;
        apk) package_files apk "$2" | grep '^/etc/' ;;
    esac
}

# Print the name that a manager gives changed settings when their package goes.
saved_settings() {
    case $1 in
        rpm) printf '%s.rpmsave\n' "$2" ;;
        pacman) printf '%s.pacsave\n' "$2" ;;
    esac
}

# Refuse when others would go too. MANAGER NAMES...
check_dependents() {
    manager=$1
    shift
    case $manager in
        dpkg)
            has apt-get || return 0
            also=$(apt-get -s remove -o APT::Get::AutomaticRemove=false --allow-change-held-packages "$@" |
                awk '$1 == "Remv" { print $2 }' | grep -Fvx "$(printf '%s\n' "$@")" || :)
            [ -z "$also" ] || refuse "would also remove: $(printf '%s' "$also" | tr '\n' ' ')"
            ;;
        rpm)
            said=$(rpm -e --test -- "$@" 2>&1) || refuse "cannot be removed alone: $said"
            ;;
        pacman)
            said=$(pacman -R --print -- "$@" 2>&1) || refuse "cannot be removed alone: $said"
            ;;
    esac
}

take_off() {
    manager=$1
    shift
    case $manager in
        dpkg)
            # Not purged: its settings stay, and an inverse exists.
            if has apt-get; then
                quietly apt-get -y -q remove -o APT::Get::AutomaticRemove=false --allow-change-held-packages "$@"
            else
                quietly dpkg --remove "$@"
            fi
            ;;
        rpm)
            case $(rpm_program) in
                dnf) dnf -y -q --setopt=clean_requirements_on_remove=False remove "$@" </dev/null ;;
                zypper) zypper -n -q remove --no-clean-deps "$@" </dev/null ;;
                yum) yum -y -q --setopt=clean_requirements_on_remove=0 remove "$@" </dev/null ;;
                rpm) rpm -e -- "$@" ;;
            esac
            ;;
        pacman) pacman -R --noconfirm -- "$@" </dev/null ;;
        apk) apk del -q "$@" </dev/null ;;
        snap) for name; do snap remove "$name" </dev/null; done ;;
        *) flatpak_of "$manager" uninstall -y --noninteractive "$@" </dev/null ;;
    esac
}

put_back() {
    manager=$1 name=$2 version=$3 origin=$4 mark=$5
    [ "$origin" != none ] || refuse "$name $version cannot be put back: no archive of this host had it"
    case $manager in
        dpkg)
            quietly apt-get -y -q install --no-install-recommends --allow-downgrades --allow-change-held-packages \
                -o Dpkg::Options::=--force-confold "$name=$version"
            case $mark in
                auto*) quietly apt-mark auto "$name" ;;
                *) quietly apt-mark manual "$name" ;;
            esac
            case $mark in
                *hold) quietly apt-mark hold "$name" ;;
            esac
            ;;
        rpm)
            case $(rpm_program) in
                dnf) dnf -y -q install "$name-$version" </dev/null ;;
                zypper) zypper -n -q install --oldpackage --no-recommends "$name=${version#*:}" </dev/null ;;
                yum) yum -y -q install "$name-${version#*:}" </dev/null ;;
                rpm) refuse "$name $version cannot be put back: only rpm is here, which has no archive" ;;
            esac
            ;;
        pacman)
            case $origin in
                /*) pacman -U --noconfirm -- "$origin" </dev/null ;;
                *) pacman -S --noconfirm -- "$origin/$name" </dev/null ;;
            esac
            [ "$mark" != dependency ] || pacman -D --asdeps -- "$name"
            ;;
        apk) apk add -q "$name=$version" </dev/null ;;
        snap)
            flag=
            case $mark in
                *classic*) flag=--classic ;;
                *devmode*) flag=--devmode ;;
            esac
            snap install "$name" "--channel=$origin" "--revision=$version" $flag </dev/null
            # snapd keeps what a snap had stored, and gives it the highest number.
            kept=$(snap saved "$name" 2>/dev/null | awk 'NR > 1 { last = $1 } END { print last }')
            [ -z "$kept" ] || snap restore "$kept" "$name" </dev/null
            ;;
        *)
            flatpak_of "$manager" install -y --noninteractive "$origin" "$name//${version%/*}" </dev/null
            flatpak_of "$manager" update -y --noninteractive "--commit=${version#*/}" "$name//${version%/*}" </dev/null
            ;;
    esac
}
