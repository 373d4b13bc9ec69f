# Comes before OpenCode's first line: homes of the agent's own, in which the user's configuration applies.
# OpenCode writes into each directory from which it reads that: packages, a .gitignore, and opencode.json
# itself where that is of an older form. It knows no other way to have its own than the variables of all
# programs, so that mng.js gives those of the user back, for what the agent runs.
config=${XDG_CONFIG_HOME:-$HOME/.config}/opencode data=${XDG_DATA_HOME:-$HOME/.local/share}/opencode
state=${XDG_STATE_HOME:-$HOME/.local/state}/opencode own=$MNG_AGENT_DIR/home
export MNG_XDG_CONFIG_HOME="${XDG_CONFIG_HOME:-}" XDG_CONFIG_HOME="$own/config"
export MNG_XDG_DATA_HOME="${XDG_DATA_HOME:-}" XDG_DATA_HOME="$own/data"
export MNG_XDG_STATE_HOME="${XDG_STATE_HOME:-}" XDG_STATE_HOME="$own/state"

# theirs FROM TO: what stands there now, as a copy. Packages are linked; they are installed, into the
# copy alone, where there is code that may need them and the user has none.
theirs() {
    mkdir -p "$2"
    find "$2" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name package-lock.json -exec rm -rf {} +
    code=''
    for entry in "$1"/* "$1"/.[!.]*; do
        case ${entry##*/} in
        bin | .git | .gitignore | node_modules | package-lock.json | bun.lock) continue ;;
        package.json | tool | tools | plugin | plugins) code=1 ;;
        esac
        [ ! -e "$entry" ] || cp -RLp "$entry" "$2/" || :
    done
    if [ -d "$1/node_modules" ]; then
        rm -rf "$2/node_modules" "$2/package.json"
        ln -s "$1/node_modules" "$2/node_modules"
        code=''
    fi
    [ -z "$code" ] || return 0
    mkdir -p "$2/node_modules"
    echo '{"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}' >"$2/package-lock.json"
}

theirs "$config" "$own/config/opencode"
# The directory of its installer is one that it reads, too, and in the home alone.
if [ -d "$HOME/.opencode" ]; then
    export OPENCODE_TEST_HOME="$own/user"
    theirs "$HOME/.opencode" "$own/user/.opencode"
    for entry in "$HOME"/* "$HOME"/.[!.]*; do
        [ "${entry##*/}" = .opencode ] || [ ! -e "$entry" ] || ln -sfn "$entry" "$own/user/${entry##*/}"
    done
fi
if [ ! -d "$own/state/opencode" ]; then # which model and theme the user has chosen
    mkdir -p "$own/state/opencode"
    for file in kv.json model.json; do
        [ ! -f "$state/$file" ] || cp "$state/$file" "$own/state/opencode/"
    done
fi
mkdir -p "$own/data/opencode" "$MNG_AGENT_DIR/inbox"
if [ -f "$data/auth.json" ] && [ ! -e "$own/data/opencode/auth.json" ]; then
    ln -s "$data/auth.json" "$own/data/opencode/auth.json"
fi
