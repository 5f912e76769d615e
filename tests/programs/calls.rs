// Program of two packages. Each call returns the name of the package that computed it.

use larder::Cache;

const WHO: &str = env!("CARGO_PKG_NAME");

fn who() -> String {
    WHO.to_owned()
}

mod here {
    pub fn moves(cache: &larder::Cache) -> String {
        cache.get_or_compute("moves", &(), || format!("{}, here", crate::WHO))
    }
}

mod there {
    pub fn moves(cache: &larder::Cache) -> String {
        let cache = cache.clone();
        let moved = move || cache.get_or_compute("moves", &(), || format!("{}, there", crate::WHO));
        moved()
    }
}

fn main() {
    let cache = Cache::global();
    let todo = std::env::args().nth(1).unwrap_or_default();
    if let Some(name) = todo.strip_prefix("clear ") {
        println!("cleared: {}", cache.clear_function(name).unwrap());
        return;
    }
    let say = |what: &str, value: String| println!("{what}: {value}");
    say("closure", cache.get_or_compute("load", &(), || WHO.to_owned()));
    say("clone", cache.clone().get_or_compute("load", &1, || WHO.to_owned()));
    let tried: Result<String, std::fmt::Error> = cache.get_or_try_compute("load", &2, || Ok(WHO.to_owned()));
    say("tried", tried.unwrap());
    say("function", cache.get_or_compute("function", &(), who));
    say("pointer", cache.get_or_compute("pointer", &(), who as fn() -> String));
    let boxed: Box<dyn FnOnce() -> String> = Box::new(who);
    say("boxed", cache.get_or_compute("boxed", &(), boxed));
    say("handed on", helper::cached(|| WHO.to_owned()));
    say("library's", helper::own(WHO));
    say("moves", if todo == "moved" { there::moves(cache) } else { here::moves(cache) });
    let opened = Cache::open(std::env::var_os("OPENED").unwrap()).unwrap();
    say("opened", opened.get_or_compute("load", &(), || WHO.to_owned()));
}
