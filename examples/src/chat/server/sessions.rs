//! All sessions of the server, a bounded number of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stolid::Status;

use super::session::{Session, not_found};
use crate::terminal::clock::Moment;

/// The sessions by their id.
///
/// A session that was idle for too long is gone: whoever asks for it gets NOT_FOUND, and it leaves the map as
/// soon as somebody looks at the map.
///
/// # Locks
/// `map` comes before the lock of a session and the lock of its audience.
#[derive(Debug)]
pub struct Sessions {
    limit: usize,
    idle_timeout: Duration,
    map: Mutex<Map>,
}

#[derive(Debug, Default)]
struct Map {
    sessions: HashMap<String, Arc<Session>>,
    created: u64,
}

impl Sessions {
    /// At most `limit` sessions, each gone after `idle_timeout` without a sign of life.
    pub fn new(limit: usize, idle_timeout: Duration) -> Self {
        Self { limit, idle_timeout, map: Mutex::new(Map::default()) }
    }

    /// Makes a session.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when there are as many as there may be.
    pub fn create(&self, now: &Moment) -> Result<Arc<Session>, Status> {
        let mut map = self.swept(now);
        if map.sessions.len() >= self.limit {
            let limit = self.limit;
            return Err(Status::resource_exhausted(format!(
                "the server holds {limit} sessions, which is its limit; delete one or try again later"
            )));
        }
        let session = Arc::new(Session::new(now.clone()));
        map.created += 1;
        map.sessions.insert(session.id().to_owned(), Arc::clone(&session));
        Ok(session)
    }

    /// The session with this id.
    ///
    /// # Errors
    /// NOT_FOUND when there is none.
    pub fn find(&self, id: &str, now: &Moment) -> Result<Arc<Session>, Status> {
        let found = self.lock().sessions.get(id).cloned();
        found.filter(|session| !session.is_idle(self.idle_timeout, now)).ok_or_else(|| not_found(id))
    }

    /// Every session, the oldest first.
    pub fn list(&self, now: &Moment) -> Vec<Arc<Session>> {
        let mut sessions: Vec<Arc<Session>> = self.swept(now).sessions.values().cloned().collect();
        sessions.sort_by(|a, b| {
            let key = |session: &Session| (session.created().instant, session.id().to_owned());
            key(a).cmp(&key(b))
        });
        sessions
    }

    /// Takes a session out, so that nobody finds it any more. Its turns go on until [`Session::delete`].
    ///
    /// # Errors
    /// NOT_FOUND when there is none with this id.
    pub fn remove(&self, id: &str, now: &Moment) -> Result<Arc<Session>, Status> {
        self.swept(now).sessions.remove(id).ok_or_else(|| not_found(id))
    }

    /// How many sessions there are, and how many were ever made.
    pub fn counts(&self, now: &Moment) -> (usize, u64) {
        let map = self.swept(now);
        (map.sessions.len(), map.created)
    }

    /// The map without the sessions that are idle for too long.
    fn swept(&self, now: &Moment) -> MutexGuard<'_, Map> {
        let mut map = self.lock();
        map.sessions.retain(|_, session| {
            let stays = !session.is_idle(self.idle_timeout, now);
            if !stays {
                session.delete();
            }
            stays
        });
        map
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use stolid::Code;

    use super::*;
    use crate::terminal::clock::{Clock, SystemClock};

    const IDLE: Duration = Duration::from_secs(1800);

    /// The moment `later` after `now`.
    fn after(now: &Moment, later: Duration) -> Moment {
        Moment { instant: now.instant + later, wall: &now.wall + later }
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let now = SystemClock.now();
        let sessions = Sessions::new(2, IDLE);
        let first = sessions.create(&now).unwrap();
        sessions.create(&now).unwrap();
        assert_eq!(sessions.create(&now).unwrap_err().code(), Code::ResourceExhausted);
        sessions.remove(first.id(), &now).unwrap();
        sessions.create(&now).unwrap();
        assert_eq!(sessions.counts(&now), (2, 3));
    }

    #[test]
    fn idle_sessions_are_gone_and_make_room() {
        let now = SystemClock.now();
        let sessions = Sessions::new(2, IDLE);
        let idle = sessions.create(&now).unwrap();
        let used = sessions.create(&now).unwrap();
        let later = after(&now, IDLE);
        assert!(sessions.find(idle.id(), &later).is_ok());
        used.touch(later.clone());
        let later = after(&later, Duration::from_secs(1));
        assert_eq!(sessions.find(idle.id(), &later).unwrap_err().code(), Code::NotFound);
        assert!(sessions.find(used.id(), &later).is_ok());
        assert!(sessions.create(&later).is_ok());
        assert_eq!(sessions.counts(&later), (2, 3));
    }

    #[test]
    fn sessions_are_listed_by_age() {
        let now = SystemClock.now();
        let sessions = Sessions::new(10, IDLE);
        let ids: Vec<String> =
            (0..5).map(|n| sessions.create(&after(&now, Duration::from_secs(n))).unwrap().id().to_owned()).collect();
        let listed: Vec<String> = sessions.list(&now).iter().map(|session| session.id().to_owned()).collect();
        assert_eq!(listed, ids);
    }

    #[test]
    fn what_was_deleted_is_not_found() {
        let now = SystemClock.now();
        let sessions = Sessions::new(10, IDLE);
        let session = sessions.create(&now).unwrap();
        sessions.remove(session.id(), &now).unwrap().delete();
        assert_eq!(sessions.remove(session.id(), &now).unwrap_err().code(), Code::NotFound);
        assert_eq!(session.asking("still there?", 10).unwrap_err().code(), Code::NotFound);
    }
}
