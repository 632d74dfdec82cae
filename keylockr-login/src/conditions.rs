//! What a guard asks beyond "is somebody signed in".

use std::{any::Any, fmt, sync::Arc};

use crate::{account_type::AccountType, refusal::Refusal, verdict::Verdict};

/// The conditions of a guard, in the order in which they were added; cheap to clone.
///
/// `C` is an adapter's own `dyn Fn`: whether its futures can be sent is a matter of the framework.
pub struct Conditions<C: ?Sized>(Arc<[Arc<C>]>);

impl<C: ?Sized> Conditions<C> {
    /// Adds a condition, to be asked after those that are there.
    #[must_use]
    pub fn and(&self, condition: Arc<C>) -> Self {
        Self(self.iter().cloned().chain([condition]).collect())
    }

    /// None: being signed in is enough.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<C>> {
        self.0.iter()
    }
}

impl<C: ?Sized> Clone for Conditions<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: ?Sized> Default for Conditions<C> {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl<C: ?Sized> fmt::Debug for Conditions<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() {
            "signed in"
        } else {
            "signed in, and more"
        })
    }
}

/// Whether `predicate` lets an account pass; who has none does not.
///
/// # Errors
/// The user may not pass, or nobody can tell: the hook loads another type than `T`, which is logged.
/// Nobody passes by a mistake in the program.
pub fn judge_account<T: Clone + 'static>(
    account: Option<&Arc<dyn Any + Send + Sync>>,
    predicate: impl FnOnce(&T) -> bool,
) -> Result<(), Refusal> {
    let account = account.ok_or(Refusal::Forbidden)?;
    let account = AccountType::of::<T>(account).map_err(|_| Refusal::CannotTell)?;
    predicate(&account).verdict()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_asked_in_order_and_shared_ones_stay_as_they_are() {
        let none = Conditions::<dyn Fn() -> u8>::default();
        let one = none.and(Arc::new(|| 1));
        let two = one.and(Arc::new(|| 2));
        let answers = |conditions: &Conditions<dyn Fn() -> u8>| {
            conditions.iter().map(|ask| ask()).collect::<Vec<_>>()
        };
        assert_eq!((answers(&none), answers(&one)), (vec![], vec![1]));
        assert_eq!(answers(&two), [1, 2]);
        assert_eq!(
            format!("{none:?}, {two:?}"),
            "signed in, signed in, and more"
        );
    }

    #[test]
    fn an_account_passes_by_its_own_type_only() {
        let account: Arc<dyn Any + Send + Sync> = Arc::new(7_u8);
        let judge = |account, wanted: u8| judge_account(account, |have: &u8| *have == wanted);
        assert_eq!(judge(Some(&account), 7), Ok(()));
        assert_eq!(judge(Some(&account), 8), Err(Refusal::Forbidden));
        assert_eq!(judge(None, 7), Err(Refusal::Forbidden));
        let other = judge_account(Some(&account), |_: &String| true);
        assert_eq!(other, Err(Refusal::CannotTell));
    }
}
