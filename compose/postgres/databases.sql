-- On an empty data folder: one role without any right over the server, and its two databases, to which nobody else connects.
\set password `cat /run/secrets/signet_database_password`
CREATE ROLE signet LOGIN PASSWORD :'password';
CREATE DATABASE signet OWNER signet;
CREATE DATABASE mlflow OWNER signet;
REVOKE CONNECT, TEMPORARY ON DATABASE signet, mlflow FROM PUBLIC;
