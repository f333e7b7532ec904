#!/bin/bash
# web.sh start|stop|restart|status: the web server of this site.
# Exit status of `status`: 0 it runs, 3 it does not.

PROJECT_DIR=@DIR@
PORT=@PORT@
PIDFILE=$PROJECT_DIR/web.pid
cd "$PROJECT_DIR" || exit 1

running() {
  { [ -f "$PIDFILE" ] &&
    tr '\0' ' ' < "/proc/$(cat "$PIDFILE")/cmdline" |
      grep -qF -- "$PROJECT_DIR/manage.py runserver"
  } 2>/dev/null
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }

start() {
  if running; then
    echo "The web server is already running."
    return 0
  fi
  # In a session of its own and with no open pipe, so that it outlives its caller. It writes its number itself: whoever
  # kills this script leaves no server that nobody knows of.
  {
    echo "$BASHPID" > "$PIDFILE"
    exec setsid "$PROJECT_DIR/env/bin/python" "$PROJECT_DIR/manage.py" \
      runserver --noreload --insecure "127.0.0.1:$PORT"
  } </dev/null >>"$PROJECT_DIR/log/web.log" 2>&1 &
  until [ "$(cat "$PIDFILE" 2>/dev/null)" = "$!" ] || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
  for _ in $(seq 300); do
    if answers; then
      echo "The web server is running on port $PORT."
      return 0
    fi
    running || break
    sleep 0.1
  done
  echo "The web server did not start. See $PROJECT_DIR/log/web.log." >&2
  return 1
}

stop() {
  if ! running; then
    echo "The web server is not running."
    return 0
  fi
  pid=$(cat "$PIDFILE")
  kill "$pid"
  for _ in $(seq 100); do
    running || break
    sleep 0.1
  done
  running && kill -9 "$pid"
  rm -f "$PIDFILE"
  echo "The web server was stopped."
}

case $1 in
  start) start ;;
  stop) stop ;;
  restart) stop && start ;;
  status)
    if running; then
      echo "The web server is running."
    else
      echo "The web server is stopped."
      exit 3
    fi
    ;;
  *)
    echo "usage: web.sh start|stop|restart|status" >&2
    exit 2
    ;;
esac
