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
  ["> "]="abort add clear commit del disable echo enable get help new operator prepare probe prompt quit set show shutdown takeover trace user wait"
  ["> abort"]="ssl"
  ["> abort ssl"]="ca-file cert crl-file"
  ["> add"]="acl map"
  ["> clear"]="acl counters map"
  ["> clear counters"]="all"
  ["> commit"]="acl map ssl"
  ["> commit ssl"]="ca-file cert crl-file"
  ["> del"]="acl map ssl"
  ["> del ssl"]="ca-file cert crl-file"
  ["> disable"]="frontend server"
  ["> enable"]="frontend server"
  ["> get"]="acl map"
  ["> new"]="ssl"
  ["> new ssl"]="ca-file cert crl-file"
  ["> prepare"]="acl map"
  ["> prompt"]="timed"
  ["> set"]="anon map maxconn rate-limit server severity-output ssl timeout"
  ["> set anon"]="on off"
  ["> set maxconn"]="frontend global"
  ["> set rate-limit"]="connections logins"
  ["> set rate-limit connections"]="global"
  ["> set rate-limit logins"]="global"
  ["> set severity-output"]="none number string"
  ["> set ssl"]="ca-file cert crl-file"
  ["> set timeout"]="cli"
  ["> show"]="acl activity anon backend cli env errors events info map servers sess ssl stat version"
  ["> show cli"]="level sockets"
  ["> show events"]="log errors"
  ["> show info"]="json typed"
  ["> show servers"]="conn state"
  ["> show sess"]="all"
  ["> show ssl"]="ca-file cert crl-file"
  ["> shutdown"]="frontend session sessions"
  ["> shutdown sessions"]="account server"
  ["> trace"]="account"
)

_mailferry_runtime() {
  local before="> ${COMP_WORDS[*]:1:COMP_CWORD-1}" word="${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "${_mailferry_runtime_words[$before]}" -- "$word"))
}

complete -F _mailferry_runtime mailferry_runtime
