#!/bin/sh
# Installs a node of P2POS from a release archive: for this user, or with --system for the machine, under systemd.
# Run again it changes nothing that is there; a newer archive becomes the version that runs next, an older one never does.
#
#   sh install.sh --archive p2pos-1.2.0.tar.gz --sha256 HEX [--system] [--prefix DIR] [--no-service]
#   sh install.sh --uninstall [--system] [--prefix DIR] [--purge]
#
# What a node stores, its key and its settings lie in its home and are touched only by --purge.
set -eu

mode=user archive='' sha256='' prefix='' home='' service=yes action=install purge=no
USER_NAME=p2pos
MIN_NODE=24

fail() { printf 'error: %s\n' "$1" >&2; exit "${2:-1}"; }
say() { printf '%s\n' "$*"; }

while [ $# -gt 0 ]; do
  case $1 in
    --archive) archive=${2:?}; shift ;;
    --sha256) sha256=${2:?}; shift ;;
    --prefix) prefix=${2:?}; shift ;;
    --home) home=${2:?}; shift ;;
    --system) mode=system ;;
    --no-service) service=no ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --help|-h) sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) fail "unknown word $1; see --help" 2 ;;
  esac
  shift
done

if [ "$mode" = system ]; then
  [ "$(id -u)" = 0 ] || fail 'a system installation needs root; leave --system out to install for this user' 2
  prefix=${prefix:-/opt/p2pos} home=${home:-/var/lib/p2pos} bin=/usr/local/bin units=/etc/systemd/system
  systemctl='systemctl' wanted=multi-user.target
else
  prefix=${prefix:-$HOME/.local/share/p2pos} home=${home:-$HOME/.p2pos} bin=$HOME/.local/bin
  units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
  systemctl='systemctl --user' wanted=default.target
fi
unit=$units/p2pos.service

# Whether a service manager runs that could be told of the unit.
has_systemd() { [ "$service" = yes ] && command -v systemctl >/dev/null 2>&1 && $systemctl show-environment >/dev/null 2>&1; }

# Whether the command is one that an earlier run made.
is_ours() { [ -L "$1" ] || { [ -f "$1" ] && grep -qF "$prefix/state.json" "$1"; }; }

if [ "$action" = uninstall ]; then
  if [ -e "$unit" ]; then
    if has_systemd; then $systemctl disable --now p2pos.service >/dev/null 2>&1 || true; fi
    rm -f "$unit"
    if has_systemd; then $systemctl daemon-reload; fi
  fi
  if is_ours "$bin/p2pctl"; then rm -f "$bin/p2pctl"; fi
  rm -rf "$prefix"
  if [ "$purge" = yes ]; then rm -rf "$home"; say "removed $prefix and the home $home"; else say "removed $prefix; the home $home stays (--purge removes it)"; fi
  exit 0
fi

[ -n "$archive" ] || fail 'name the release: --archive FILE' 2
[ -f "$archive" ] || fail "$archive is not there" 2
[ -n "$sha256" ] || fail 'say what the archive must be: --sha256 HEX; it stands in the release manifest (p2pctl keys inspect)' 2

case $(uname -s) in Linux|Darwin) ;; *) fail "$(uname -s) is not supported" ;; esac
case $(uname -m) in x86_64|amd64|aarch64|arm64) ;; *) fail "$(uname -m) is not supported; there are builds for x86_64 and arm64" ;; esac
node=$(command -v node || true)
[ -n "$node" ] || fail "Node.js $MIN_NODE or newer is needed: https://nodejs.org"
major=$("$node" -p 'process.versions.node.split(".")[0]')
[ "$major" -ge "$MIN_NODE" ] || fail "Node.js $MIN_NODE or newer is needed; $node is $("$node" --version)"

if command -v sha256sum >/dev/null 2>&1; then found=$(sha256sum "$archive"); else found=$(shasum -a 256 "$archive"); fi
found=${found%% *}
[ "$found" = "$sha256" ] || fail "$archive is not what was signed: its SHA-256 is $found"

[ ! -e "$bin/p2pctl" ] || is_ours "$bin/p2pctl" || fail "$bin/p2pctl is another program's; move it away and run this again"

mkdir -p "$prefix/versions"
draft=$prefix/versions/.draft-install
rm -rf "$draft"
mkdir "$draft"
trap 'rm -rf "$draft"' EXIT
# No names that lead out of the folder: links are allowed only as npm makes them, inside.
if tar -tzf "$archive" | grep -Eq '(^/|(^|/)\.\.(/|$))'; then fail 'the archive holds names that lead out of its folder'; fi
tar -xzf "$archive" -C "$draft" --no-same-owner
entry=packages/node/bin/p2pos-node.mjs
[ -f "$draft/$entry" ] || fail 'the archive is no release of P2POS'
version=$("$node" --disable-warning=ExperimentalWarning "$draft/$entry" --version) || fail 'the release does not start here'
case $version in *[!0-9a-z.-]*|'') fail 'the release names no version' ;; esac

state=$prefix/state.json
# A version that the launcher's file names; empty where it names none.
said() {
  "$node" -p "/^\d+(\.\d+){2}(-[a-z]+\.\d+)?\$/.exec(JSON.parse(require('fs').readFileSync(process.argv[1], 'utf8')).$1)?.[0] ?? ''" \
    "$state" 2>/dev/null || true
}
# Whether the first version comes after the second: as numbers, and 1.3.0-beta.1 before 1.3.0.
is_newer() {
  "$node" -e '
    const key = (version) => {
      const [core, pre = "~.0"] = version.split("-");
      const [name, number] = pre.split(".");
      return [...core.split(".").map(Number), name, Number(number)];
    };
    const [a, b] = process.argv.slice(1).map(key);
    const at = a.findIndex((part, i) => part !== b[i]);
    process.exit(at >= 0 && a[at] > b[at] ? 0 : 1);
  ' "$1" "$2"
}
current=$(said current)
[ -d "$prefix/versions/${current:-.none}" ] || current=''

verified=$prefix/versions/$version/.verified
if [ -e "$verified" ] && { [ "$version" = "$current" ] || [ "$(cat "$verified")" = "$sha256" ]; }; then
  say "version $version is there already"
else
  printf '%s\n' "$sha256" > "$draft/.verified"
  # All of it is on the disk before its name is.
  sync
  rm -rf "$prefix/versions/$version"
  mv "$draft" "$prefix/versions/$version"
fi

# What runs next, and gives the launcher, the unit and p2pctl: not less than what runs, since a node replaces itself too; and
# an update on trial is the launcher's to end.
runs=$(said trial.from)
if [ -n "$runs" ]; then
  say "an update to $current is on trial, which is left as it is; run this again once it has ended"
elif [ -n "$current" ] && ! is_newer "$version" "$current"; then
  runs=$current
  [ "$version" = "$current" ] || say "$current runs, which is newer than $version; it is left as it is"
else
  runs=$version
  printf '{"current":"%s"}\n' "$version" > "$state.new"
  mv "$state.new" "$state"
fi
cp "$prefix/versions/$runs/packages/node/bin/p2pos-launcher.mjs" "$prefix/launcher.mjs.new"
mv "$prefix/launcher.mjs.new" "$prefix/launcher.mjs"
mkdir -p "$bin"
# The node replaces its own versions, so which one the command starts is looked up each time.
cat > "$bin/p2pctl.new" <<END
#!/bin/sh
# The command line of the version of P2POS that runs here.
version=\$(sed -n 's/.*"current":"\([0-9a-z.-]*\)".*/\1/p' '$prefix/state.json')
command='$prefix/versions/'\$version/packages/cli/bin/p2pctl.mjs
[ -f "\$command" ] || { echo "error: no version of P2POS lies in $prefix; run install.sh again" >&2; exit 1; }
exec '$node' "\$command" "\$@"
END
chmod 755 "$bin/p2pctl.new"
mv "$bin/p2pctl.new" "$bin/p2pctl"

if [ "$mode" = system ]; then
  if ! id "$USER_NAME" >/dev/null 2>&1; then
    useradd --system --user-group --home-dir "$home" --shell /usr/sbin/nologin "$USER_NAME" || fail "the user $USER_NAME cannot be made"
  fi
  mkdir -p "$home"
  chown "$USER_NAME:" "$home" && chmod 700 "$home"
  # The node replaces its own versions, and nothing else of what is installed.
  chown -R "$USER_NAME:" "$prefix/versions" "$state" && chown "$USER_NAME:" "$prefix"
else
  mkdir -p "$home" && chmod 700 "$home"
fi

if [ "$service" = yes ]; then
  mkdir -p "$units"
  template=$prefix/versions/$runs/deploy/p2pos.service
  [ -f "$template" ] || fail 'the release holds no deploy/p2pos.service'
  sed -e "s#@NODE@#$node#g" -e "s#@PREFIX@#$prefix#g" -e "s#@HOME@#$home#g" -e "s#@WANTED@#$wanted#g" "$template" > "$unit.new"
  # A user's manager runs as the user, and may not change to another.
  if [ "$mode" = user ]; then sed -i.old -e '/^User=/d' -e '/^Group=/d' "$unit.new" && rm -f "$unit.new.old"; fi
  if [ -f "$unit" ] && cmp -s "$unit" "$unit.new"; then rm "$unit.new"; else mv "$unit.new" "$unit"; fi
  if has_systemd; then
    $systemctl daemon-reload
    if [ -f "$home/node.toml" ]; then $systemctl enable --now p2pos.service; fi
  else say "no systemd answers here; the unit lies in $unit"; fi
fi

say "P2POS $version is installed in $prefix"
if [ ! -f "$home/node.toml" ]; then
  say "next: make the home of this node, for a new system or an existing one:"
  say "  $bin/p2pctl init --home $home --system FOLDER --found    (after p2pctl system create FOLDER)"
  say "  $bin/p2pctl init --home $home --system-id sys1… --connect ADDRESS"
  if [ "$mode" = system ]; then say "  chown -R $USER_NAME: $home"; fi
  say "then: $systemctl enable --now p2pos.service"
fi
