#!/usr/bin/env bash
# Certificates of the tests: a root, and a server on localhost. Valid for a hundred years; the keys are public.
set -euo pipefail
cd "$(dirname "$0")"
openssl ecparam -name prime256v1 -genkey -noout -out root.key.pem
openssl req -x509 -new -key root.key.pem -subj "/CN=unloq-client test root" -days 36500 -outform DER -out root.der \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -outform DER -out server.key.der
openssl req -new -key server.key.der -keyform DER -subj "/CN=localhost" -out server.csr
openssl x509 -req -in server.csr -CA root.der -CAkey root.key.pem -days 36500 -outform DER -out server.der \
    -extfile <(printf 'subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:FALSE')
rm root.key.pem server.csr
