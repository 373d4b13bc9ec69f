# Comes before every script that runs git: git as the script means it, whoever's configuration
# and environment it finds.
export LC_ALL=C
command -v git >/dev/null || fail 69 "there is no git on the host"
for name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
        GIT_CONFIG_GLOBAL | GIT_CONFIG_SYSTEM | GIT_CONFIG_NOSYSTEM | GIT_EXEC_PATH | GIT_SSL_*) ;;
        *) unset "$name" ;;
    esac
done
export GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0 GIT_LFS_SKIP_SMUDGE=1
export GIT_AUTHOR_NAME=mng GIT_AUTHOR_EMAIL=mng@mng.invalid
export GIT_COMMITTER_NAME=mng GIT_COMMITTER_EMAIL=mng@mng.invalid
# Without this, a tree whose .git is gone would be taken for a part of a repository around it.
export GIT_CEILING_DIRECTORIES="${work%/*}"

# Where names differ by case alone, no configuration may make one of them.
any_case='-c core.ignoreCase=false'
[ ! -e /BIN/SH ] || any_case=

git() { # shellcheck disable=SC2086  # two words or none
    command git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.quotePath=false \
        -c gc.auto=0 -c maintenance.auto=false -c safe.directory='*' -c submodule.recurse=false \
        -c transfer.fsckObjects=false -c clone.rejectShallow=false -c core.logAllRefUpdates=true \
        -c core.trustctime=true -c core.checkStat=default -c core.bigFileThreshold=16m \
        -c core.symlinks=true -c core.fileMode=true -c core.protectNTFS=false \
        -c core.protectHFS=false -c core.sparseCheckout=false \
        -c safe.bareRepository=all $any_case "$@" 9>&-
}

# NUL-ended names to lines and back; a newline inside of a name is \001 meanwhile.
lines() { tr '\n\0' '\001\n'; }
names() { tr '\001\n' '\n\0'; }

# The repositories below this directory, one path a line, outer ones first.
nested() { # FILE    also used for what find prints: its status must not get lost in a pipe
    find . -name .git ! -path ./.git -prune -print0 >"$1.found"
    lines <"$1.found" | sed 's|^\./||; s|/\.git$||' | sort >"$1"
}

# Pathspecs, NUL-ended: all of this directory but the paths that come in as lines. Of those, the
# outermost: git takes no pathspec that leads into a submodule.
all_but() {
    awk 'BEGIN { print "." }
        { for (path in outer) if (index($0, path "/") == 1) next }
        { outer[$0]; print ":(exclude,top,literal)" $0 }' | names
}

as_it_is() { # attributes by which git takes a file as it lies, whatever a repository says
    echo '* -text -eol -ident -filter -working-tree-encoding'
}

wipe() { # DIRECTORY...    also what is read-only
    for doomed; do
        [ ! -d "$doomed" ] || [ -L "$doomed" ] || chmod -R u+rwx "$doomed" 2>/dev/null || :
        rm -rf "$doomed"
    done
}
