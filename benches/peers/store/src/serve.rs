//! Runs larder's part of `store.py`: it reads a command a line and answers with the seconds of each call.
//!
//! | command | calls |
//! |---|---|
//! | `again COUNT` | repeats one call, which hits |
//! | `stored` | makes each call once; another process has stored the results |
//! | `miss` | makes each call once, which computes and stores |

use std::error::Error;
use std::io::{self, Write};

use crate::measure::{Calls, Effort, seconds};
use crate::operations::{AGAIN, larder, new, stored};

pub fn serve(effort: Effort) -> Result<(), Box<dyn Error>> {
    let (mut hits, mut misses) = (0, 0);
    for line in io::stdin().lines() {
        let line = line?;
        let took = match line.split(' ').collect::<Vec<_>>()[..] {
            ["again", count] => seconds(&larder(), Calls::same(AGAIN[0], count.parse()?), 0),
            ["stored"] => {
                hits += 1;
                seconds(&larder(), stored(hits - 1, effort.calls), 0)
            }
            ["miss"] => {
                misses += 1;
                seconds(&larder(), new(misses - 1, effort.calls), effort.calls)
            }
            _ => return Err(format!("{line}: no such command").into()),
        };
        // The second word is the size in answers of larder.rs. It is not used here.
        println!("{took} 0");
        io::stdout().flush()?;
    }
    Ok(())
}
