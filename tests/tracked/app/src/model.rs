use crate::CACHE;
use larder::memoize;
use serde::Serialize;
use std::ops::Add;

pub struct Model {
    pub weight: u64,
}

impl Add for Model {
    type Output = Model;
    fn add(self, other: Model) -> Model {
        Model { weight: self.weight + other.weight }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.weight = 0;
    }
}

impl Model {
    pub fn area(&self) -> u64 {
        self.weight
    }

    pub fn never_called(&self) -> u64 {
        self.weight + 1
    }
}

/// Has a method of a name that is called on another type.
pub struct Other;

impl Other {
    pub fn area(&self) -> u64 {
        7
    }
}

pub trait Shape {
    fn sides(&self) -> u64;

    fn corners(&self) -> u64 {
        self.sides()
    }
}

pub struct Square(pub u64);

impl Shape for Square {
    fn sides(&self) -> u64 {
        self.0 * 4
    }
}

pub struct Round;

impl Shape for Round {
    fn sides(&self) -> u64 {
        0
    }
}

#[derive(Serialize)]
pub struct Scale {
    pub factor: u64,
}

impl Scale {
    #[memoize(cache = &CACHE)]
    pub fn apply(&self, n: u64) -> u64 {
        self.scaled(n)
    }

    fn scaled(&self, n: u64) -> u64 {
        n * self.factor
    }
}
