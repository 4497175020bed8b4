#!/usr/bin/env bash
# Checks the subjects of all commits since the one that .ci/since names: a conventional prefix, at most 72 characters.
set -euo pipefail
cd "$(dirname "$0")/.."
since=$(cat .ci/since)
if ! git cat-file -e "$since^{commit}" 2>/dev/null; then
	echo "Commit subjects are not checked: the history before $since is missing here."
	exit 0
fi
prefix='^(feat|fix|refactor|perf|test|docs|build|bench|chore|ci)(\([a-z0-9,/ -]+\))?!?: [^ ]'
bad=$(git log --no-merges --format='%h %s' "$since"..HEAD | awk -v prefix="$prefix" '{
	subject = substr($0, index($0, " ") + 1)
	if (length(subject) > 72 || subject !~ prefix) print
}')
if [ -n "$bad" ]; then
	echo "Commit subjects need a prefix such as fix(store): and at most 72 characters; the reason goes into the body:" >&2
	echo "$bad" >&2
	exit 1
fi
