# shellcheck shell=sh
# look.sh ACCOUNT DIRECTORY NAME CLI FILE ...: say what is there, one fact per line; changes nothing.
# DIRECTORY may be empty: then it is ~ACCOUNT/workspaces/NAME.
set -u
account=$1 directory=$2 name=$3 cli=$4
shift 4

[ ! -e /etc/debian_version ] || echo "family debian"
for program in node git; do
  ! command -v "$program" >/dev/null || echo "program $program"
done
[ ! -s "$cli/devcontainer.js" ] || echo "cli $cli"
for file; do
  [ ! -d "${file%/*}" ] || echo "folder ${file%/*}"
  [ ! -f "$file" ] || echo "file $file $(stat -c '%a %U:%G' "$file") $(sha256sum <"$file")"
done
echo "boot $(systemctl is-enabled "devcontainer-up@$account.service" 2>/dev/null)"

entry=$(getent passwd "$account") || exit 0
rest=${entry%:*}
home=${rest##*:}
directory=${directory:-$home/workspaces/$name}
echo "directory $directory"

as_account() { runuser -u "$account" -- env HOME="$home" GIT_OPTIONAL_LOCKS=0 "$@"; }
in_tree() { as_account git -C "$directory" "$@" 2>/dev/null; }
if [ -n "$(ls -A "$directory" 2>/dev/null)" ]; then
  if [ ! -e "$directory/.git" ] || ! command -v git >/dev/null; then
    echo "tree no clone"
    exit 0
  fi
  echo "tree clone"
  echo "origin $(in_tree config --get remote.origin.url)"
  echo "branch $(in_tree symbolic-ref --short -q HEAD)"
  [ -z "$(in_tree status --porcelain)" ] || echo "work uncommitted changes"
  [ -z "$(in_tree rev-list --max-count=1 HEAD --not --remotes --tags)" ] || echo "work commits that are pushed nowhere"
fi
