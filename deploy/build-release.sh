#!/bin/sh
# Makes the archive of a release out of this clone: sources, what they import, the unit and the launcher. Plain files only.
#   sh deploy/build-release.sh VERSION OUT.tar.gz
set -eu
version=${1:?VERSION} out=${2:?OUT.tar.gz}
clone=$(cd "$(dirname "$0")/.." && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
node "$clone/scripts/page.mjs"
mkdir -p "$stage/packages"
for part in protocol sdk cli node console; do
  mkdir -p "$stage/packages/$part"
  (cd "$clone/packages/$part" && tar -cf - --exclude='*.test.ts' --exclude=node_modules .) | tar -xf - -C "$stage/packages/$part"
done
cp -R "$clone/deploy" "$clone/package.json" "$clone/LICENSE" "$stage/"
sed -i.old "s/\"version\": \"[^\"]*\"/\"version\": \"$version\"/" "$stage/packages/node/package.json" && rm "$stage/packages/node/package.json.old"
# Links become what they point at, since a release holds none; our own packages are found through stubs.
mkdir "$stage/node_modules"
node "$clone/deploy/dependencies.mjs" "$clone" > "$stage.list"
(cd "$clone/node_modules" && tar -chf - -T "$stage.list") | tar -xf - -C "$stage/node_modules"
rm -f "$stage.list"
find "$stage/node_modules" -type d -name .bin -prune -exec rm -rf {} +
node "$clone/deploy/stubs.mjs" "$clone" "$stage"
tar -czf "$out" -C "$stage" --owner=0 --group=0 --numeric-owner .
printf '%s  %s\n' "$(sha256sum "$out" | cut -d' ' -f1)" "$out"
