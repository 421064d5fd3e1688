#!/bin/sh
# export.sh: every folder in /srv/sources becomes a bare repository in /srv/git with one commit on main. The same content
# gives the same commit, since its author and date are fixed; a repository whose content is as before stays untouched.
set -eu
export GIT_AUTHOR_NAME=sandbox GIT_AUTHOR_EMAIL=sandbox@example.com GIT_AUTHOR_DATE=2026-01-01T00:00:00Z
export GIT_COMMITTER_NAME=sandbox GIT_COMMITTER_EMAIL=sandbox@example.com GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
mkdir -p /srv/git
for source in /srv/sources/*/; do
  test -d "$source" || continue
  name=$(basename "$source")
  new=/srv/git/.new-$name
  rm -rf "$new"
  git init -q --bare -b main "$new"
  # As the well-known services do: a commit can be fetched by its name, and a clone can be partial.
  git -C "$new" config uploadpack.allowAnySHA1InWant true
  git -C "$new" config uploadpack.allowFilter true
  git --git-dir="$new" --work-tree="$source" add -A
  git --git-dir="$new" --work-tree="$source" commit -q -m "$name"
  rm -f "$new/index"
  if [ "$(git -C "$new" rev-parse main)" = "$(git -C "/srv/git/$name.git" rev-parse main 2>/dev/null)" ]; then
    rm -rf "$new"
  else
    rm -rf "/srv/git/$name.git"
    mv "$new" "/srv/git/$name.git"
  fi
done
# `git daemon` answers for NAME and for NAME.git; what has no folder any more goes.
for bare in /srv/git/*.git; do
  test ! -d "$bare" || test -d "/srv/sources/$(basename "$bare" .git)" || rm -rf "$bare"
done
