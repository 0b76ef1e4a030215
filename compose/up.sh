#!/bin/sh
# Brings the platform up in containers: secrets where there are none, images, services, and in the end where to sign in.
# COMPOSE is how docker compose is called; docs/containers.md names the other variables.
set -eu
cd "$(dirname "$0")"
compose=${COMPOSE:-docker compose}
umask 077
mkdir -p secrets

# What is mounted is read by other users, whatever umask the files were fetched with.
chmod -R a+rX nginx people postgres

# The containers' user is none of this machine's, so secrets are read by group: ours, or as root a group that nobody else has.
secret() {
    if [ ! -s "secrets/$1" ]; then
        head -c 32 /dev/urandom | base64 >"secrets/.$1"
        mv "secrets/.$1" "secrets/$1"
    fi
    [ "$(id -u)" != 0 ] || chown 10001:10001 "secrets/$1"
    chmod 0440 "secrets/$1"
}
for name in postgres_password database_password key_encryption_key; do
    secret "$name"
done
if [ "$(id -u)" = 0 ]; then group=10001; else group=$(id -g); fi
# In the file that compose reads by itself, so that whatever is asked of it later finds the same.
{ grep -v '^SIGNET_SECRETS_GID=' .env 2>/dev/null || true; echo "SIGNET_SECRETS_GID=${SIGNET_SECRETS_GID:-$group}"; } >.env.new
mv .env.new .env
SIGNET_REVISION=${SIGNET_REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
SIGNET_CREATED=${SIGNET_CREATED:-$(git show -s --format=%cI HEAD 2>/dev/null || echo unknown)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git show -s --format=%ct HEAD 2>/dev/null || echo 0)}
export SIGNET_REVISION SIGNET_CREATED SOURCE_DATE_EPOCH

# One service for each image: the others use what it made.
$compose build init ui
# Whoever depends on a part waits until it is well, so the last one that starts is nginx.
$compose up --detach --wait --wait-timeout "${SIGNET_WAIT_SECONDS:-300}" proxy worker

home=/var/lib/signet
$compose exec -T api cat "$home/certs/ca.pem" >ca.pem
chmod 0644 ca.pem
# As the containers were told, by variables of ours or by the file .env.
known() {
    $compose exec -T "$1" printenv "$2"
}
echo
echo "Signet is ready. Sign in at $(known ui SIGNET_WEB_ORIGIN)"
if password=$($compose exec -T api cat "$home/certs/initial-admin-password" 2>/dev/null); then
    echo "as admin with the password $password (until you change it)"
else
    echo "with your own account; $compose exec api python -m backend user list says who has one"
fi
echo "API $(known api SIGNET_API_URL)   MLflow $(known api SIGNET_MLFLOW_PUBLIC_URL)   trust $PWD/ca.pem"
