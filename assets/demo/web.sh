#!/bin/bash
# The web server of this site: web.sh start|stop|status|restart
#
# `status` has the exit statuses of an init script: 0 running, 3 not running.
# web.pid holds the process id and what tells this process from a later one
# with the same id: the boot of the machine and the time the process started.
cd "$(dirname "$0")" || exit 1

port=$(cat web.port) || exit 1
python=env/bin/python
seconds_to_start=60
seconds_to_stop=10

# Prints what identifies a living process; nothing if there is none.
identity() {
    if [ -r /proc/sys/kernel/random/boot_id ]; then
        local stat
        stat=$(cat "/proc/$1/stat" 2> /dev/null) || return 1
        # The name in parentheses may hold anything, so count from behind it.
        stat=${stat##*) }
        local fields
        read -r -a fields <<< "$stat"
        if [ "${fields[0]}" = Z ]; then return 1; fi
        echo "$(cat /proc/sys/kernel/random/boot_id) ${fields[19]}"
    else
        ps -o lstart= -p "$1"
    fi
}

# Sets `pid` when web.pid names a living process that is our server.
running() {
    local proof
    { read -r pid && read -r proof; } 2> /dev/null < web.pid || return 1
    [[ "$pid" =~ ^[0-9]+$ ]] && [ -n "$proof" ] && [ "$(identity "$pid")" = "$proof" ]
}

answers() {
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null
}

start() {
    if running; then
        echo "The web server is running already (process $pid, port $port)."
        return 0
    fi
    if answers; then
        echo "Port $port is used by another program." >&2
        return 1
    fi
    mkdir -p log
    # In a session of its own and with no open file of ours, the server lives
    # on when the terminal that started it goes away. It notes itself before it
    # becomes the server: whoever kills this script leaves no unknown server.
    {
        { echo "$BASHPID"; identity "$BASHPID"; } > web.pid.new && mv web.pid.new web.pid || exit 1
        exec "$python" -c '
import os, sys
os.setsid()
os.closerange(3, 1024)
os.environ["PYTHONUNBUFFERED"] = "1"
os.execv(sys.argv[1], sys.argv[1:])
' "$PWD/$python" manage.py runserver --noreload --insecure "127.0.0.1:$port"
    } < /dev/null >> log/web.log 2>&1 &
    local server=$!
    # Until it has noted itself.
    until { [ "$(head -n 1 web.pid 2> /dev/null)" = "$server" ] || ! kill -0 "$server" 2> /dev/null; }; do
        sleep 0.05
    done
    local deadline=$((SECONDS + seconds_to_start))
    until answers; do
        if ! running || [ "$SECONDS" -ge "$deadline" ]; then
            echo "The web server did not start. The end of log/web.log:" >&2
            tail -n 5 log/web.log >&2
            stop > /dev/null
            return 1
        fi
        sleep 0.2
    done
    echo "The web server is running (process $server) at http://127.0.0.1:$port/"
}

stop() {
    if ! running; then
        rm -f web.pid
        echo "The web server is not running."
        return 0
    fi
    kill "$pid"
    local deadline=$((SECONDS + seconds_to_stop))
    while running; do
        if [ "$SECONDS" -ge "$deadline" ]; then kill -KILL "$pid"; fi
        sleep 0.1
    done
    rm -f web.pid
    echo "The web server is stopped."
}

status() {
    if running; then
        echo "The web server is running (process $pid, port $port)."
    elif [ -e web.pid ]; then
        echo "The web server is not running, although it was not stopped."
        return 3
    else
        echo "The web server is not running."
        return 3
    fi
}

case "${1-}" in
    start | stop | status) "$1" ;;
    restart) stop && start ;;
    *)
        echo "usage: $0 start|stop|status|restart" >&2
        exit 2
        ;;
esac
