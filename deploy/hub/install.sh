#!/bin/sh
# Put the hub on this machine, or renew it: sh deploy/hub/install.sh [--into FOLDER] PACKAGE
#   PACKAGE   what pip is to install: a wheel, the folder of a checkout, or mailcourse
#   FOLDER    everything below it, in the place of /: to look at what is made
# Settings that are there already are left as they are.
set -eu
umask 022  # everybody runs what is put there
into=""
[ "${1:-}" = --into ] && { into=$2; shift 2; }
package=${1:?"Say what pip is to install: the folder of a checkout, a wheel, or mailcourse."}
here=$(cd "$(dirname "$0")" && pwd)
environment=$into/opt/mailcourse settings=$into/etc/mailcourse

say() { printf '%s\n' "$*"; }

if [ -z "${MAILCOURSE_HUB_FILES_ONLY:-}" ]; then
  say "Python's packages and the proxy, in $environment"
  [ -x "$environment/bin/python" ] || python3 -m venv "$environment"
  "$environment/bin/python" -m pip install --quiet --upgrade 'pip>=25'
  "$environment/bin/python" -m pip install --quiet --upgrade "$package[hub]"
  npm install --silent --no-fund --no-audit --prefix "$environment" 'configurable-http-proxy@^5'
fi

say "Settings, in $settings"
for kind in student teacher; do
  mkdir -p "$settings/$kind/labconfig"
  cp "$here/nbgrader_config.py" "$settings/$kind/"
done
cp "$here"/student/*.py "$settings/student/"
cp "$here/student/labconfig/page_config.json" "$settings/student/labconfig/"
cp "$here/jupyterhub_config.py" "$here/start-server" "$settings/"
[ -f "$settings/hub.toml" ] || cp "$here/hub.toml" "$settings/"
chmod -R u=rwX,go=rX "$settings"
chmod 755 "$settings/start-server"
mkdir -p "$into/srv/mailcourse/exchange" "$into/var/lib/mailcourse-hub" "$into/etc/systemd/system"
chmod 777 "$into/srv/mailcourse/exchange"
chmod 700 "$into/var/lib/mailcourse-hub"
cp "$here/mailcourse-hub.service" "$into/etc/systemd/system/"
say "Done. Next: look at $settings/hub.toml."
