#!/bin/sh
# Compare the locked packages with the public advisories, and search the repository for secrets.
# A known flaw or a secret ends it with 1. Packages that the advisory service does not answer for are not compared,
# which is said: without access to it, that is all of them.
set -u
cd "$(dirname "$0")/.."
BIN=.venv/bin
status=0

echo "audit: known flaws of locked packages"
answer=$($BIN/pip-audit --requirement requirements.txt --disable-pip --require-hashes --progress-spinner off 2>&1)
code=$?
unanswered=$(echo "$answer" | grep -c "could not be audited")
if [ "$unanswered" -gt 0 ]; then
    echo "audit: NOT COMPARED: the advisory service has no answer for $unanswered packages"
elif [ $code -ne 0 ] && echo "$answer" | grep -q -E "ConnectionError|Timeout|Max retries|HTTPError|ServiceError"; then
    echo "audit: NOT COMPARED: the advisory service cannot be reached from here"
    code=0
fi
if [ $code -ne 0 ]; then
    echo "$answer" | grep -v "could not be audited"
    status=1
fi

echo "audit: secrets in the repository"
# 3 says that none was found, and that those of the baseline stand on other lines now, which it writes into a copy.
known=$(mktemp)
trap 'rm -f "$known"' EXIT
cp ops/secrets.json "$known"
search='"$0" "$@" || [ $? -eq 3 ]'
git ls-files -z -- ':!requirements*.txt' ':!static/vendor' ':!*.xz' ':!ops/secrets.json' | xargs -0 sh -c "$search" \
    $BIN/detect-secrets-hook --no-verify --disable-plugin Base64HighEntropyString \
    --disable-plugin HexHighEntropyString --disable-plugin KeywordDetector --baseline "$known" || status=1
exit $status
