//! The users that rules ask about, in memory.
//!
//! In: users of the user operations. Out: roles of an identity, identities of a role, pages.
//! A user's id is the identity that operations name.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::RwLock;

use crate::failure::{Failure, Limit};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The identity.
    pub id: Arc<str>,
    /// The name for people.
    pub name: Box<str>,
    /// What the user signs in with.
    pub login: Option<Box<str>>,
    /// Names of roles; they have case.
    pub roles: Vec<Box<str>>,
    /// The tenant that the user belongs to.
    pub tenant: Option<Box<str>>,
}

/// A part of the users, in the order of their ids.
#[derive(Debug)]
pub struct Page {
    /// The users.
    pub items: Vec<Arc<User>>,
    /// How many there are in all, of the tenant where one was given.
    pub total: usize,
    /// The id to go on after, where there are more.
    pub next: Option<Arc<str>>,
}

/// All users of an engine.
#[derive(Debug, Default)]
pub struct Users {
    users: DashMap<Arc<str>, Arc<User>, foldhash::fast::RandomState>,
    /// Locked by every change, and first: the map and the index agree when it is free.
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    ids: BTreeSet<Arc<str>>,
    roles: HashMap<Box<str>, BTreeSet<Arc<str>>, foldhash::fast::RandomState>,
}

impl Index {
    fn add(&mut self, user: &User) {
        self.ids.insert(Arc::clone(&user.id));
        for role in &user.roles {
            let holders = self.roles.entry(role.clone()).or_default();
            holders.insert(Arc::clone(&user.id));
        }
    }

    fn remove(&mut self, user: &User) {
        self.ids.remove(&user.id);
        for role in &user.roles {
            if let Some(holders) = self.roles.get_mut(role) {
                holders.remove(&user.id);
                if holders.is_empty() {
                    self.roles.remove(role);
                }
            }
        }
    }
}

impl Users {
    /// Adds a user, while there are fewer than `max`.
    pub fn create(&self, user: User, max: usize) -> Result<Arc<User>, Failure> {
        let mut index = self.index.write();
        if index.ids.contains(&user.id) {
            return Err(Failure::UserAlreadyExists {
                id: (&*user.id).into(),
            });
        }
        if index.ids.len() >= max {
            return Err(Failure::LimitExceeded {
                limit: Limit::Users,
                max: max as u64,
            });
        }
        Ok(self.put(&mut index, user))
    }

    /// Puts `user` in the place of the one with its id.
    pub fn update(&self, user: User) -> Result<Arc<User>, Failure> {
        let mut index = self.index.write();
        let old = self.get(&user.id)?;
        index.remove(&old);
        Ok(self.put(&mut index, user))
    }

    /// Removes a user. Its id stays in what it has done.
    pub fn delete(&self, id: &str) -> Result<(), Failure> {
        let mut index = self.index.write();
        let old = self.get(id)?;
        index.remove(&old);
        self.users.remove(id);
        Ok(())
    }

    /// The user with this id.
    pub fn get(&self, id: &str) -> Result<Arc<User>, Failure> {
        self.find(id)
            .ok_or_else(|| Failure::UserNotFound { id: id.into() })
    }

    /// Users after the id `after`, at most `size`; of `tenant` only where one is given.
    pub fn list(&self, after: Option<&str>, size: usize, tenant: Option<&str>) -> Page {
        let index = self.index.read();
        let of_tenant = |user: &User| tenant.is_none_or(|own| user.tenant.as_deref() == Some(own));
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = index
            .ids
            .range::<str, _>((start, Bound::Unbounded))
            .filter_map(|id| self.find(id))
            .filter(|user| of_tenant(user));
        let items: Vec<Arc<User>> = found.by_ref().take(size).collect();
        let more = found.next().is_some();
        Page {
            total: match tenant {
                None => index.ids.len(),
                Some(_) => self.users.iter().filter(|user| of_tenant(user)).count(),
            },
            next: items
                .last()
                .filter(|_| more)
                .map(|user| Arc::clone(&user.id)),
            items,
        }
    }

    /// Whether the user with this id has the role.
    pub fn has_role(&self, id: &str, role: &str) -> bool {
        self.users
            .get(id)
            .is_some_and(|user| user.roles.iter().any(|one| &**one == role))
    }

    /// At most `max` identities that have the role, in their order.
    pub fn with_role(&self, role: &str, max: usize) -> Vec<Arc<str>> {
        let index = self.index.read();
        let holders = index.roles.get(role).into_iter().flatten();
        holders.take(max).cloned().collect()
    }

    /// The user's name; none without such a user.
    pub fn name(&self, id: &str) -> Option<Box<str>> {
        self.users.get(id).map(|user| user.name.clone())
    }

    fn find(&self, id: &str) -> Option<Arc<User>> {
        self.users.get(id).map(|user| Arc::clone(&user))
    }

    fn put(&self, index: &mut Index, user: User) -> Arc<User> {
        let user = Arc::new(user);
        index.add(&user);
        self.users.insert(Arc::clone(&user.id), Arc::clone(&user));
        user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str, roles: &[&str], tenant: Option<&str>) -> User {
        User {
            id: id.into(),
            name: id.to_uppercase().into(),
            login: None,
            roles: roles.iter().map(|role| (*role).into()).collect(),
            tenant: tenant.map(Into::into),
        }
    }

    #[test]
    fn roles_follow_every_change_of_a_user() {
        let users = Users::default();
        users.create(user("ann", &["Manager"], None), 9).unwrap();
        users
            .create(user("bob", &["Manager", "Auditor"], None), 9)
            .unwrap();
        assert!(users.has_role("ann", "Manager"));
        assert!(!users.has_role("ann", "manager"), "roles have case");
        assert!(!users.has_role("eve", "Manager"));
        let managers = |users: &Users| users.with_role("Manager", 9).join(" ");
        assert_eq!(managers(&users), "ann bob");
        users.update(user("ann", &[], None)).unwrap();
        assert_eq!(managers(&users), "bob");
        users.delete("bob").unwrap();
        assert_eq!(managers(&users), "");
        assert_eq!(users.name("ann").as_deref(), Some("ANN"));
    }

    #[test]
    fn ids_are_unique_and_unknown_ones_are_told() {
        let users = Users::default();
        users.create(user("ann", &[], None), 1).unwrap();
        let again = users.create(user("ann", &[], None), 9).unwrap_err();
        assert_eq!(again.name(), "UserAlreadyExists");
        let full = users.create(user("bob", &[], None), 1).unwrap_err();
        assert_eq!(full.name(), "LimitExceeded");
        for failure in [
            users.get("bob").unwrap_err(),
            users.update(user("bob", &[], None)).unwrap_err(),
            users.delete("bob").unwrap_err(),
        ] {
            assert_eq!(failure.name(), "UserNotFound");
        }
    }

    #[test]
    fn pages_show_every_user_once_in_the_order_of_ids() {
        let users = Users::default();
        for id in ["d", "a", "c", "e", "b"] {
            let tenant = (id > "b").then_some("north");
            users.create(user(id, &[], tenant), 9).unwrap();
        }
        let mut seen = String::new();
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = users.list(after.as_deref(), 2, None);
            assert_eq!(page.total, 5);
            seen.extend(page.items.iter().map(|user| &*user.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, "abcde");
        let north = users.list(None, 9, Some("north"));
        assert_eq!(north.items.len(), 3);
        assert_eq!(north.total, 3);
        assert_eq!(north.next, None);
    }
}
