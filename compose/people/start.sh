#!/bin/sh
# Starts nginx in its container: before every API whose socket is in /run/signet. It is told of further ones as they come, and reads
# its certificate anew once a day, as the platform renews it long before it ends.
set -eu
umask 077
configuration=/run/nginx/conf/nginx.conf

# A part that was made anew has another address, so names are asked for again.
name_server=$(sed -n 's/^nameserver[[:space:]]\{1,\}\([^[:space:]%]*\).*/\1/p' /etc/resolv.conf | head -n 1)
case $name_server in *:*) name_server="[$name_server]" ;; esac
cat >/run/nginx/places.conf <<END
resolver ${name_server:-127.0.0.1} valid=10s;
map "" \$web_origin { default "$SIGNET_WEB_ORIGIN"; }
map "" \$web_app { default "${SIGNET_WEB_APP_URL:-https://ui:8501}"; }
map "" \$mlflow { default "${SIGNET_MLFLOW_URL:-http://mlflow:5000}"; }
END

sockets() {
    for socket in /run/signet/*.sock; do
        [ ! -S "$socket" ] || echo "$socket"
    done
}

# One that does not answer is asked again after a second; nginx takes the others in the meantime.
configure() {
    servers=
    for socket in ${1:-/run/signet/api.sock}; do
        servers="$servers server unix:$socket fail_timeout=1s;"
    done
    rm -rf /run/nginx/conf.new
    mkdir /run/nginx/conf.new
    cp /etc/signet/nginx/* /run/nginx/conf.new
    sed "s|server unix:/run/signet/api.sock;|$servers|" /etc/signet/nginx/nginx.conf >/run/nginx/conf.new/nginx.conf
    rm -rf /run/nginx/conf
    mv /run/nginx/conf.new /run/nginx/conf
}

# A reload closes connections that are idle, so there is none for an API that went: nginx passes it over.
has_come() {
    for socket in $2; do
        case " $(echo $1) " in *" $socket "*) ;; *) return 0 ;; esac
    done
    return 1
}

keep_up() {
    known=$1 seconds=0
    # Where there is no init to end this too, it ends with nginx, which has the number of this shell.
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        seconds=$((seconds + 1))
        found=$(sockets)
        if has_come "$known" "$found" || [ "$seconds" -ge 86400 ]; then
            configure "$found"
            # Not yet, where nginx itself is only starting: a second later, then.
            nginx -c "$configuration" -e stderr -s reload && known=$found seconds=0
        fi
    done
}

first=$(sockets)
configure "$first"
keep_up "$first" &
exec nginx -c "$configuration" -e stderr -g 'daemon off;'
