//! Real Lino sites on PostgreSQL and MariaDB: upgrades, who else has the database open, and the way back as the
//! operator reads it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lino_upgrade::site::writers::Writer;
use lino_upgrade::site::{Connection, Db, Engine};
use serde_json::Value;

use crate::shop::{Shop, WHOLE, all, all_but_install, ended, sites, variables};

/// The private database servers of the tests.
pub struct Servers(BTreeMap<String, String>);

impl Servers {
    pub fn start() -> Self {
        let output = sites("servers").arg("start").stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "servers: {}", output.status);
        Self(variables(&output.stdout))
    }

    /// Returns a variable that `tests/sites/servers` prints.
    pub fn get(&self, key: &str) -> &str {
        &self.0[key]
    }

    fn password(&self, engine: &str) -> &str {
        if engine == "postgresql" { &self.0["PG_PASSWORD"] } else { &self.0["MARIADB_PASSWORD"] }
    }

    /// Prepares the server's own client, for queries from its standard input.
    pub fn client(&self, engine: &str, database: &str) -> Command {
        let get = |key: &str| self.0[key].as_str();
        let mut command;
        if engine == "postgresql" {
            command = Command::new(Path::new(get("PG_BIN")).join("psql"));
            command.args(["-X", "-q", "-A", "-t", "-F", " ", "-h", get("PG_HOST"), "-p", get("PG_PORT")]);
            command.args(["-U", get("PG_USER"), "-d", database]).env("PGPASSWORD", self.password(engine));
        } else {
            command = Command::new("mariadb");
            command.args(["--no-defaults", "--unbuffered", "-N", "-B", "-h", get("MARIADB_HOST")]);
            command.args(["-P", get("MARIADB_PORT"), "-u", get("MARIADB_USER"), database]);
            command.env("MYSQL_PWD", self.password(engine));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// Opens a session, as somebody does who looks into the database; returns it with its id and its address.
    pub fn session(&self, engine: &str, database: &str) -> Session {
        let mut child = self.client(engine, database).spawn().unwrap();
        let question = if engine == "postgresql" {
            "select pg_backend_pid(), host(inet_client_addr());\n"
        } else {
            "select id, host from information_schema.processlist where id = connection_id();\n"
        };
        child.stdin.as_mut().unwrap().write_all(question.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (id, address) = line.trim_end().split_once([' ', '\t']).unwrap();
        Session { id: id.parse().unwrap(), address: address.to_owned(), child }
    }

    pub fn connection(&self, engine: &str, database: &str) -> Connection {
        let mut connection = Connection::sqlite(Path::new(database));
        let (engine, prefix) = match engine {
            "postgresql" => (Engine::Postgres, "PG"),
            _ => (Engine::MySql, "MARIADB"),
        };
        let get = |key: &str| self.0[&format!("{prefix}_{key}")].clone();
        connection.engine = engine;
        connection.host = Some(get("HOST"));
        connection.port = Some(get("PORT").parse().unwrap());
        connection.user = Some(get("USER"));
        connection.password = Some(get("PASSWORD").into());
        connection
    }
}

/// A session of the server's own client; ends when dropped.
pub struct Session {
    pub id: u64,
    pub address: String,
    child: Child,
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Runs a command line in the site; it may ask for `password`, without a terminal on its standard input.
fn operator_types(shop: &Shop, line: &str, password: &str) {
    let mut command = Command::new("setsid");
    command.args(["--wait", "sh", "-c", line]).current_dir(&shop.dir).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who does not ask may have ended before this.
    let _ = child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Does what the last screen says brings the old version back.
fn goes_back(shop: &Shop, events: &[Value], password: &str) {
    let plan = events.iter().rfind(|event| event["event"] == "plan_made").unwrap();
    let way_back = plan["steps"][14]["way_back"].as_str().unwrap();
    let way_back = by_hand(way_back);
    let (wishes, lines): (Vec<&str>, Vec<&str>) = way_back.lines().map(|line| line.split_once(": ").unwrap()).unzip();
    assert_eq!(
        wishes,
        [
            "Stop the services",
            "Bring the database back (this asks for the database password of lino)",
            "Bring the old packages back",
            "Start the services again",
        ]
    );
    for line in lines {
        operator_types(shop, line, password);
    }
}

/// Returns the files below `dir` that hold `text`.
fn holding(dir: &Path, text: &str) -> String {
    let output = Command::new("grep").args(["-rlF", "-e", text, "."]).current_dir(dir).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Fails when any process of the machine shows `password` in its command line.
fn assert_hidden(password: &str) {
    for process in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&words).replace('\0', " ");
        assert!(!line.contains(password), "{line}");
    }
}

/// Proves that no password was kept or shown, and no private file left behind.
fn assert_no_traces(shop: &Shop, events: &[Value], said: &str, password: &str) {
    let state = shop.dir.join(".lino-upgrade");
    assert_eq!(holding(&state, password), "");
    assert!(!state.join("protect/run-0001/secret").exists());
    assert!(!said.contains(password) && events.iter().all(|event| !event.to_string().contains(password)));
}

/// Leaves out the line that says how long the undo takes.
fn by_hand(said: &str) -> String {
    said.split_inclusive('\n').filter(|line| !line.trim_end().ends_with(": lino-upgrade undo")).collect()
}

/// Returns what is said when an upgrade stops before its end.
fn stopped(way_back: &str) -> String {
    format!("Start again to continue. If you stop here:\n{way_back}\n")
}

fn still_open(session: &Session, who: &str, what: &str) -> String {
    format!(
        "FAIL database: Still open by: {who} ({}) has a session from {}, {what}. → End these programs, then retry this \
         step.\n",
        session.id, session.address
    )
}

#[test]
fn a_site_on_postgresql_is_upgraded_and_its_way_back_leads_back() {
    let servers = Servers::start();
    let shop = Shop::light_on("postgresql", "long_name");
    let password = servers.password("postgresql");
    // A character of four bytes is what some programs lose.
    shop.query("cursor.execute(\"update shop_setting set value = '🛒' where id = 1\")");
    let (before, goods) = (shop.contents(), shop.goods());
    operator_types(&shop, "./web.sh start", "");
    let script = shop.dir.join("make_snapshot.sh");
    let text = std::fs::read_to_string(&script).unwrap();
    let asking = "from django.db import connection as c; k = c.cursor(); k.execute('show synchronize_seqscans'); \
                  print(k.fetchone()[0])";
    let asking = format!("echo \"{asking}\" | python manage.py shell > log/seqscans\npython manage.py dump2py");
    std::fs::write(&script, text.replace("python manage.py dump2py", &asking)).unwrap();

    // Somebody opens a session when the services are down already.
    let mut session = None;
    let (status, events, said) = shop.upgrade_watched(|event| {
        assert_hidden(password);
        if event["event"] == "step_started" && event["step"] == "compare" {
            session = Some(servers.session(shop.engine, &shop.database));
        }
    });
    let refused = "Restore the snapshot failed: somebody still has the database open, so nothing was dropped\n";
    let dir = shop.dir.display();
    let packages = format!(
        "Bring the old packages back: mv {dir}/env {dir}/env.new && cp -a --reflink=auto \
         {dir}/.lino-upgrade/protect/run-0001/env {dir}/env\nStart the services again: ./web.sh start"
    );
    let expected = still_open(session.as_ref().unwrap(), "lino (psql)", "idle") + refused + &stopped(&packages);
    assert_eq!((status, by_hand(&said).as_str()), (Some(1), expected.as_str()));
    assert_eq!(ended(&events), all_but_install(&[&WHOLE[..8], &[("restore", "failed")]].concat()));
    assert_eq!(shop.contents(), before);
    assert_no_traces(&shop, &events, &said, password);
    // Else dump2py loses rows of large tables.
    let answer = std::fs::read_to_string(shop.dir.join("log/seqscans")).unwrap();
    assert!(answer.lines().any(|line| line == "off"), "{answer}");

    drop(session);
    let (status, events, said) = shop.upgrade();
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), all(&WHOLE[8..]));
    assert_no_traces(&shop, &events, &said, password);
    shop.unrepair();
    assert_eq!(shop.goods(), goods);

    let sequences = shop.query(
        "cursor.execute('select table_name, column_name, pg_get_serial_sequence(quote_ident(table_name), column_name) '\n\
         \x20   'from information_schema.columns where table_schema = current_schema()')\n\
         for table, column, sequence in sorted(row for row in cursor.fetchall() if row[2]):\n\
         \x20   cursor.execute('select nextval(%s) > coalesce(max(' + quote(column) + '), 0) from ' + quote(table), [sequence])\n\
         \x20   print(table, cursor.fetchone()[0])\n\
         cursor.execute(\"insert into shop_setting (name, value) values ('new', '')\")\n",
    );
    let wrong: Vec<&str> = sequences.lines().filter(|line| !line.ends_with(" True")).collect();
    assert_eq!((wrong, sequences.contains("shop_setting True\n")), (vec![], true));

    goes_back(&shop, &events, password);
    assert_eq!(shop.contents(), before);
}

#[test]
#[ignore = "takes a minute or two; tests/run --full asks for it"]
fn matrix_a_site_on_mariadb_is_upgraded_and_its_way_back_leads_back() {
    let servers = Servers::start();
    let shop = Shop::light_on("mariadb", "long_name");
    let password = servers.password("mariadb");
    // A character of four bytes is what some programs lose.
    shop.query("cursor.execute(\"update shop_setting set value = '🛒' where id = 1\")");
    let (before, goods) = (shop.contents(), shop.goods());
    operator_types(&shop, "./web.sh start", "");

    // Nobody listens on the first port.
    let settings = shop.dir.join("settings.py");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace(&format!("\"PORT\": {}", servers.0["MARIADB_PORT"]), "\"PORT\": 1"))
        .unwrap();
    let (status, events, said) = shop.upgrade();
    let expected = format!(
        "FAIL database: Cannot connect to the MySQL database {} on 127.0.0.1:1 as user lino: Connection refused (os \
         error 111). → Start the database server, or correct DATABASES in settings.py; then check again.\n\
         Check the site failed: one obstacle\n",
        shop.database
    );
    assert_eq!((status, said), (Some(1), expected + &stopped("Nothing was changed: just leave.")));
    assert_eq!(ended(&events), all(&[("check", "failed")]));
    operator_types(&shop, "./web.sh status", "");
    std::fs::write(&settings, text).unwrap();
    assert_eq!(shop.contents(), before);

    let session = servers.session(shop.engine, &shop.database);
    let (status, events, said) = shop.upgrade();
    let refused = "Stop services failed: something can still write to the database\n";
    let expected =
        still_open(&session, "lino (Sleep)", "idle") + refused + &stopped("Start the services again: ./web.sh start");
    assert_eq!((status, by_hand(&said)), (Some(1), expected));
    assert_eq!(ended(&events), all(&[("check", "done"), ("stop-services", "failed")]));

    drop(session);
    let (status, events, said) = shop.upgrade_watched(|_| assert_hidden(password));
    assert_eq!((status, said.as_str()), (Some(0), "The site was upgraded from 1.0 to 2.0.\n"));
    assert_eq!(ended(&events), all_but_install(&WHOLE[1..]));
    assert_no_traces(&shop, &events, &said, password);
    shop.unrepair();
    assert_eq!(shop.goods(), goods);

    goes_back(&shop, &events, password);
    assert_eq!(shop.contents(), before);
}

#[tokio::test]
async fn sessions_of_others_are_told_from_our_own() {
    let servers = Servers::start();
    let name = format!("sessions_{}", std::process::id());
    for (engine, maintenance, who) in
        [("postgresql", "postgres", "lino (psql)"), ("mariadb", "information_schema", "lino (Sleep)")]
    {
        let administer = |wish: &str| {
            let mut child = servers.client(engine, maintenance).spawn().unwrap();
            child.stdin.take().unwrap().write_all(format!("{wish} DATABASE {name};\n").as_bytes()).unwrap();
            assert!(child.wait().unwrap().success(), "{wish}");
        };
        administer("CREATE");
        let connection = servers.connection(engine, &name);
        let mut asking = Db::connect_read_only(&connection).await.unwrap();
        let other = Db::connect_read_only(&connection).await.unwrap();
        let session = servers.session(engine, &name);
        let what = format!("has a session from {}, idle", session.address);
        assert_eq!(asking.sessions().await.unwrap(), [Writer { id: session.id, who: who.to_owned(), what }]);
        drop(session);
        other.close().await;
        asking.close().await;
        administer("DROP");
    }
}
