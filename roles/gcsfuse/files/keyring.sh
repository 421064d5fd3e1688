# shellcheck shell=sh
# keyring.sh KEYRING FINGERPRINT ...: of the keys in KEYRING.fetched (armored or not), those with these fingerprints go into
# KEYRING. Prints "changed" where it wrote it; ends with 3, and prints what there is, where none of them is in the file.
set -eu
ring=$1
shift
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'rm -rf "$GNUPGHOME"' EXIT
gpg --batch --quiet --import "$ring.fetched" 2>/dev/null || true
known=$(gpg --batch --with-colons --list-keys 2>/dev/null | awk -F: '$1 == "pub" { key = 1 } $1 == "fpr" && key { print $10; key = 0 }' | tr '\n' ' ')
wanted=
for fingerprint; do
  case " $known " in *" $fingerprint "*) wanted="$wanted $fingerprint" ;; esac
done
if [ -z "$wanted" ]; then
  printf '%s\n' "$known"
  exit 3
fi
# shellcheck disable=SC2086
gpg --batch --quiet --export $wanted >"$GNUPGHOME/ring"
if ! cmp -s "$GNUPGHOME/ring" "$ring"; then
  install -m 0644 "$GNUPGHOME/ring" "$ring"
  echo changed
fi
