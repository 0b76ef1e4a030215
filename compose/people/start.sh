#!/bin/sh
# Starts nginx in its container, and has it read its certificate anew once a day: the platform renews it long before it ends.
set -eu
umask 077
printf 'map "" $web_origin { default "%s"; }\n' "$SIGNET_WEB_ORIGIN" >/run/nginx/web_origin.conf
(while sleep 86400; do nginx -c /etc/signet/nginx/nginx.conf -e stderr -s reload; done) &
exec nginx -c /etc/signet/nginx/nginx.conf -e stderr -g 'daemon off;'
