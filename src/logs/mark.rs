//! How far a search came, so that it can be gone on with.

use crate::domain::record::RecordTime;
use crate::logs::merge::{Order, RunId};

/// Where an earlier answer ended: after this record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its time.
    pub time: RecordTime,
    /// The place of its object in the plan; of the object behind it where that one is gone.
    pub run: RunId,
    /// Its offset; `None` where its object is gone, and where this is a time alone.
    pub offset: Option<u64>,
}

impl Mark {
    /// Before the first record of this time; when descending, of those that are not later.
    #[must_use]
    pub const fn at(time: RecordTime, order: Order) -> Self {
        let run = match order {
            Order::Ascending => 0,
            Order::Descending => RunId::MAX,
        };
        Self { time, run, offset: None }
    }

    /// Whether it comes after another in this order.
    #[must_use]
    pub fn is_after(self, other: Self, order: Order) -> bool {
        let key = |mark: Self| (mark.time, mark.run, mark.offset);
        match order {
            Order::Ascending => key(self) > key(other),
            Order::Descending => match other.offset {
                Some(_) => key(self) < key(other),
                // The object behind is not told yet when going back.
                None => (self.time, self.run) < (other.time, other.run),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(time: i64, run: RunId, offset: u64) -> Mark {
        Mark { time: RecordTime::from_unix_nanos(time), run, offset: Some(offset) }
    }

    proptest! {
        #[test]
        fn behind_a_time_stand_the_records_that_are_not_before_it(
            time in -3_i64..3, of_record in -3_i64..3, run in prop_oneof![0..3_u32, Just(RunId::MAX - 1)], offset: u64,
        ) {
            let record = record(of_record, run, offset);
            let ascending = Mark::at(RecordTime::from_unix_nanos(time), Order::Ascending);
            prop_assert_eq!(record.is_after(ascending, Order::Ascending), of_record >= time);
            let descending = Mark::at(RecordTime::from_unix_nanos(time), Order::Descending);
            prop_assert_eq!(record.is_after(descending, Order::Descending), of_record <= time);
        }

        #[test]
        fn of_two_records_one_stands_behind_the_other(
            one in (-3_i64..3, 0..3_u32, 0..3_u64), other in (-3_i64..3, 0..3_u32, 0..3_u64),
        ) {
            let (one, other) = (record(one.0, one.1, one.2), record(other.0, other.1, other.2));
            for order in [Order::Ascending, Order::Descending] {
                prop_assert_eq!(one.is_after(other, order), one != other && !other.is_after(one, order));
            }
        }
    }
}
