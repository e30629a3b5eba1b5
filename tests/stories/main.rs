//! Stories of order-to-cash, each told calmly, doubled, shuffled, and with a crash before and after every effect.

mod telling;

mod ordinary;
