//! The sessions on a database server, and which of them are our own.

use super::Writer;
use super::process::{Own, Sockets};
use crate::site::database::{Db, DbError};
use crate::site::text::printable;

/// A session of somebody on the site's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number on the server.
    pub id: u64,
    /// The user of the database.
    pub user: String,
    /// What the program calls itself (PostgreSQL), or what the session does (MySQL).
    pub program: Option<String>,
    /// Where it comes from; none for a socket file.
    pub address: Option<String>,
    /// The port at the other end; none for a socket file.
    pub port: Option<u16>,
    /// What it does.
    pub state: Option<String>,
}

impl Session {
    /// Describes who it is.
    #[must_use]
    pub fn writer(&self) -> Writer {
        let from = self.address.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        let program = self.program.as_ref().map(|program| format!(" ({program})")).unwrap_or_default();
        let state = self.state.as_deref().unwrap_or("idle");
        Writer {
            id: self.id,
            who: printable(&format!("{}{program}", self.user)),
            what: printable(&format!("has a session{from}, {state}")),
        }
    }

    /// Tells whether it comes from this machine, as far as its address says so.
    fn is_near(&self) -> bool {
        let address = self.address.as_deref().unwrap_or_default();
        address.is_empty() || ["127.", "localhost", "::1"].iter().any(|near| address.starts_with(near))
    }
}

/// Leaves out the sessions of our own commands. Those are known by their name where the server keeps names, else by the
/// port that they come from. A session by a socket file says nothing of its other end: there as many are left out, from
/// the newest on, as our commands have such connections. The same goes for one from afar, whose port was perhaps
/// changed on the way.
#[must_use]
pub fn foreign(mut sessions: Vec<Session>, own: &Own, sockets: &Sockets) -> Vec<Session> {
    sessions.retain(|session| session.program.as_ref().is_none_or(|program| !own.names.contains(program)));
    let mut ports = sockets.ports.clone();
    sessions.retain(|session| session.port.is_none_or(|port| !ports.remove(&port)));
    let (mut by_file, mut from_afar) = (sockets.others, ports.len());
    sessions.sort_by_key(|session| std::cmp::Reverse(session.id));
    sessions.retain(|session| {
        let spare = match session.port {
            None => &mut by_file,
            Some(_) if !session.is_near() => &mut from_afar,
            Some(_) => return true,
        };
        let ours = *spare > 0;
        *spare = spare.saturating_sub(1);
        !ours
    });
    sessions.reverse();
    sessions
}

impl Db {
    /// Returns the sessions of others on this database; always empty for SQLite, see
    /// [`open_handles`](super::open_handles). On PostgreSQL every user sees all of them; on MySQL one without special
    /// rights sees the sessions of the same user only, which are those of the site.
    /// The sessions of this program are left out: PostgreSQL knows them by name, MySQL by a lock that each of them holds.
    pub async fn sessions(&mut self) -> Result<Vec<Writer>, DbError> {
        Ok(self.connected().await?.iter().map(Session::writer).collect())
    }

    /// Returns the same with all that tells them apart.
    pub async fn connected(&mut self) -> Result<Vec<Session>, DbError> {
        let sql = match self {
            Self::Sqlite(_) => return Ok(Vec::new()),
            Self::Postgres(_) => {
                "SELECT pid::text, usename::text, application_name::text, host(client_addr), state::text, \
                 client_port::text FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> \
                 pg_backend_pid() AND usename IS NOT NULL AND application_name <> 'lino-upgrade' ORDER BY pid"
            }
            Self::MySql(_) => {
                "SELECT CAST(id AS CHAR), CAST(user AS CHAR), CAST(command AS CHAR), CAST(host AS CHAR), CAST(state AS \
                 CHAR), CASE WHEN host LIKE '%:%' THEN SUBSTRING_INDEX(host, ':', -1) END FROM \
                 information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND \
                 COALESCE(IS_USED_LOCK(CONCAT('lino-upgrade-', id)), 0) <> id ORDER BY id"
            }
        };
        let mut found = Vec::new();
        self.each_row("listing the sessions", sql.to_owned(), 6, |cells| {
            let cell = |at: usize| cells.get(at).copied().flatten().filter(|text| !text.is_empty());
            let text = |at: usize| cell(at).map(ToOwned::to_owned);
            found.push(Session {
                id: cell(0).and_then(|id| id.parse().ok()).unwrap_or_default(),
                user: cell(1).unwrap_or("somebody").to_owned(),
                program: text(2),
                address: text(3),
                // PostgreSQL says -1 for a socket file.
                port: cell(5).and_then(|port| port.parse().ok()),
                state: text(4),
            });
        })
        .await?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: u64, program: &str, address: Option<&str>, port: Option<u16>) -> Session {
        Session {
            id,
            user: "lino".into(),
            program: Some(program.into()),
            address: address.map(Into::into),
            port,
            state: None,
        }
    }

    fn strangers(sessions: Vec<Session>, ports: &[u16], others: usize) -> Vec<u64> {
        let own = Own { marks: Vec::new(), names: vec!["lino-upgrade-7".into()] };
        let sockets = Sockets { ports: ports.iter().copied().collect(), others };
        foreign(sessions, &own, &sockets).iter().map(|session| session.id).collect()
    }

    #[test]
    fn sessions_of_our_commands_are_known_by_name_port_or_number() {
        let near = Some("127.0.0.1");
        let named = vec![session(1, "lino-upgrade-7", None, None), session(2, "lino-upgrade-70", None, None)];
        assert_eq!(strangers(named, &[], 0), [2]);
        let by_port = vec![session(1, "Query", near, Some(4000)), session(2, "Sleep", near, Some(4001))];
        assert_eq!(strangers(by_port, &[4001, 9999], 0), [1]);
        let by_file = vec![session(1, "Query", None, None), session(2, "Sleep", None, None)];
        assert_eq!(strangers(by_file.clone(), &[], 1), [1]);
        assert_eq!(strangers(by_file, &[], 0), [1, 2]);
        let far = Some("10.0.0.9");
        let translated = vec![session(1, "Query", far, Some(4000)), session(2, "Sleep", far, Some(4001))];
        assert_eq!(strangers(translated, &[5000], 0), [1]);
    }
}
