# mailferry's runtime socket from bash, with completion of its commands. Source it:
#   . mailferry-runtime.bash
#   mailferry_runtime show stat
# The socket is MAILFERRY_SOCKET, or /run/mailferry/admin.sock. Needs socat.
# Made from src/runtime by `deno task generate`; change it there.

mailferry_runtime() {
  printf '%s\n' "$*" |
    socat -t 600 stdio "unix-connect:${MAILFERRY_SOCKET:-/run/mailferry/admin.sock}"
}

declare -A _mailferry_runtime_words=(
  ["> "]="add clear del echo get help operator probe prompt quit set show shutdown user wait"
  ["> add"]="map"
  ["> clear"]="counters"
  ["> clear counters"]="all"
  ["> del"]="map"
  ["> get"]="map"
  ["> prompt"]="timed"
  ["> set"]="anon map severity-output timeout"
  ["> set anon"]="on off"
  ["> set severity-output"]="none number string"
  ["> set timeout"]="cli"
  ["> show"]="activity anon backend cli env errors events info map servers sess stat version"
  ["> show cli"]="level sockets"
  ["> show events"]="log errors"
  ["> show info"]="json typed"
  ["> show servers"]="conn state"
  ["> show sess"]="all"
  ["> shutdown"]="session sessions"
  ["> shutdown sessions"]="account server"
)

_mailferry_runtime() {
  local before="> ${COMP_WORDS[*]:1:COMP_CWORD-1}" word="${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "${_mailferry_runtime_words[$before]}" -- "$word"))
}

complete -F _mailferry_runtime mailferry_runtime
