//! A browser that somebody works with: a new one, without habits, for each test.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use futures_util::FutureExt as _;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::stack::{SOON, Stack, runtime, unique};

/// Anywhere on a page.
pub const ANYWHERE: &str = "//main";

/// How long a page may take to be there.
const PAGE: Duration = Duration::from_secs(30);

/// Somebody at a browser.
pub struct Browser {
    client: Client,
    console: String,
    token: String,
    profile: PathBuf,
}

/// Tells a story with a browser, and closes the browser however the story ends.
pub fn browse(story: impl AsyncFnOnce(&Stack, &Browser)) {
    runtime().block_on(async {
        let stack = Stack::open();
        let browser = Browser::start(&stack).await;
        let told = AssertUnwindSafe(story(&stack, &browser)).catch_unwind().await;
        if let Err(panic) = told {
            browser.say_where().await;
            browser.close().await;
            resume_unwind(panic);
        }
        browser.close().await;
    });
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `cargo local browser` says to what"))
}

impl Browser {
    async fn start(stack: &Stack) -> Self {
        let profile = std::env::temp_dir().join(unique("crossdock-browser-"));
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            "--window-size=1280,1000", format!("--user-data-dir={}", profile.display()),
        ] });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted.as_object().unwrap().clone())
            .connect(&variable("CROSSDOCK_WEBDRIVER"))
            .await
            .unwrap_or_else(|error| panic!("no browser: {error}"));
        let token = stack.text("/headers/Authorization").trim_start_matches("Bearer ").to_owned();
        Self { client, console: stack.text("/console"), token, profile }
    }

    async fn close(self) {
        // One that has gone already is closed.
        let _ = self.client.close().await;
        let _ = std::fs::remove_dir_all(&self.profile);
    }

    /// What somebody would look at who wants to know why a test has failed.
    async fn say_where(&self) {
        let url = self.client.current_url().await.map(|url| url.to_string()).unwrap_or_default();
        let text: String = self.text().await.chars().take(2_000).collect();
        eprintln!("at {url}:\n{text}");
    }

    /// The token that the stack's own caller has.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Pastes the token.
    pub async fn sign_in(&self) {
        self.open("sign-in").await;
        self.fill(ANYWHERE, "Token", &self.token).await;
        self.press(ANYWHERE, "Sign in").await;
        assert_eq!(self.heading().await, "Overview");
    }

    /// Goes to a page of the console.
    pub async fn open(&self, page: &str) {
        self.client.goto(&format!("{}/{page}", self.console)).await.unwrap();
    }

    /// Where it is, without what stands before the console.
    pub async fn place(&self) -> String {
        let url = self.client.current_url().await.unwrap().to_string();
        url.split_once("/console/").map_or(url.clone(), |(_, place)| place.to_owned())
    }

    /// The page's heading.
    pub async fn heading(&self) -> String {
        self.find("//h1").await.text().await.unwrap()
    }

    /// What the page says, as a person sees it.
    pub async fn text(&self) -> String {
        let Ok(main) = self.client.find(Locator::Css("main")).await else { return String::new() };
        main.text().await.unwrap_or_default()
    }

    /// The page, as it was sent.
    pub async fn source(&self) -> String {
        self.client.source().await.unwrap()
    }

    /// The page says something.
    pub async fn says(&self, words: &str) {
        let text = self.text().await;
        assert!(text.contains(words), "no {words:?} in {text}");
    }

    /// The page does not say something.
    pub async fn does_not_say(&self, words: &str) {
        let text = self.text().await;
        assert!(!text.contains(words), "{words:?} in {text}");
    }

    /// Looks at a page again and again until it says something: lists follow the log by a stream.
    pub async fn until_it_says(&self, page: &str, words: &str) {
        let begun = Instant::now();
        loop {
            self.open(page).await;
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(begun.elapsed() < SOON * 2, "{page} did not come to say {words:?} but {text}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The elements at a path.
    pub async fn all(&self, path: &str) -> Vec<Element> {
        self.client.find_all(Locator::XPath(path)).await.unwrap()
    }

    async fn find(&self, path: &str) -> Element {
        let found = self.client.find(Locator::XPath(path)).await;
        found.unwrap_or_else(|error| panic!("nothing at {path}: {error}"))
    }

    /// Where the links go that begin so, as they stand in the page.
    pub async fn links(&self, beginning: &str) -> Vec<String> {
        let mut found = Vec::new();
        for link in self.all(&format!("//main//a[starts-with(@href,'{beginning}')]")).await {
            found.push(link.attr("href").await.unwrap().unwrap());
        }
        found
    }

    /// Whether there is such a button in a part of the page.
    pub async fn has_button(&self, part: &str, name: &str) -> bool {
        !self.all(&button(part, name)).await.is_empty()
    }

    /// Presses a button in a part of the page, and waits for the page that comes.
    pub async fn press(&self, part: &str, name: &str) {
        self.go_by(&button(part, name)).await;
    }

    /// Follows a link, and waits for the page that comes.
    pub async fn follow(&self, name: &str) {
        self.go_by(&format!("//a[normalize-space()='{name}']")).await;
    }

    async fn go_by(&self, path: &str) {
        let way = self.find(path).await;
        self.client.execute("window.left = true", vec![]).await.unwrap();
        way.click().await.unwrap();
        self.arrive(path).await;
    }

    /// Waits until the page that was marked has made way for another.
    async fn arrive(&self, by: &str) {
        let begun = Instant::now();
        let script = "return window.left !== true && document.readyState === 'complete'";
        // Between two pages there is nobody to ask.
        while !matches!(self.client.execute(script, vec![]).await, Ok(Value::Bool(true))) {
            assert!(begun.elapsed() < PAGE, "{by} led nowhere");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Fills in the field that a label is for.
    pub async fn fill(&self, part: &str, label: &str, text: &str) {
        let field = self.find(&field(part, label)).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses from the list that a label is for.
    pub async fn choose(&self, part: &str, label: &str, option: &str) {
        self.find(&field(part, label)).await.select_by_label(option).await.unwrap();
    }

    /// Says on the page of mappings what a SKU is called in a system.
    pub async fn name_sku(&self, sku: &str, system: &str, name: &str) {
        self.open(&format!("mappings?sku={sku}")).await;
        let row = format!("//tr[th='{system}']");
        self.find(&format!("{row}//input[@name='identity']")).await.send_keys(name).await.unwrap();
        self.press(&row, "Save").await;
    }

    /// Does the same to all that the list shows: first what would follow, then it is done, to the last.
    pub async fn do_to_all(&self, action: &str) {
        self.choose("//form[@action='bulk']", "Do", action).await;
        self.press(ANYWHERE, "See what would follow").await;
        self.says("Nothing was changed yet.").await;
        self.press(ANYWHERE, &format!("Do it: {action}")).await;
        while self.has_button(ANYWHERE, "Go on with the rest").await {
            self.press(ANYWHERE, "Go on with the rest").await;
        }
        self.says("were seen to").await;
    }

    /// Presses one key, wherever the focus is.
    pub async fn key(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.unwrap();
    }

    /// Presses Enter, and waits for the page that comes.
    pub async fn enter(&self) {
        self.client.execute("window.left = true", vec![]).await.unwrap();
        self.key(Key::Enter).await;
        self.arrive("Enter").await;
    }

    /// Types where the focus is.
    pub async fn types(&self, text: &str) {
        self.client.active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    /// Presses Tab until the focus is on what is called so, where it has to be seen.
    pub async fn tab_to(&self, name: &str) {
        let script = "const it = document.activeElement; const label = it.labels && it.labels[0]; \
            return [(label || it).textContent.trim(), getComputedStyle(it).outlineStyle]";
        let mut passed = Vec::new();
        for _ in 0..80 {
            self.key(Key::Tab).await;
            let on = self.client.execute(script, vec![]).await.unwrap();
            let here = on[0].as_str().unwrap_or_default().to_owned();
            if here == name {
                assert_ne!(on[1], "none", "nobody sees that the focus is on {name}");
                return;
            }
            passed.push(here);
        }
        panic!("Tab does not come to {name}, only to {passed:?}");
    }

    /// Nothing on the page keeps anybody out: no violation that axe-core calls serious or critical.
    pub async fn has_no_barriers(&self) {
        let axe = std::fs::read_to_string(variable("CROSSDOCK_AXE")).unwrap();
        self.client.execute(&axe, vec![]).await.unwrap();
        // Without `preload` it fetches nothing, which the pages' policy would not let it.
        let script = "const done = arguments[arguments.length - 1]; \
            axe.run(document, { preload: false, resultTypes: ['violations'] }) \
            .then(found => done(found.violations.filter(it => ['serious', 'critical'].includes(it.impact)) \
            .flatMap(it => it.nodes.map(node => it.id + ' (' + it.help + ') at ' + node.target.join(' ')))), \
            error => done(['axe failed: ' + error]))";
        let found = self.client.execute_async(script, vec![]).await.unwrap();
        let place = self.place().await;
        assert_eq!(found, json!([]), "{place}: {found:#}");
    }

    /// Keeps a picture of the page in docs/console, if `CROSSDOCK_SCREENSHOTS` is set.
    pub async fn keep_picture(&self, name: &str) {
        if std::env::var_os("CROSSDOCK_SCREENSHOTS").is_none() {
            return;
        }
        let around =
            "return [document.documentElement.scrollHeight, outerHeight - innerHeight, outerWidth - innerWidth]";
        let around = self.client.execute(around, vec![]).await.unwrap();
        let pixels = |index: usize| u32::try_from(around[index].as_u64().unwrap_or(0)).unwrap();
        let height = pixels(0).clamp(400, 1_500) + pixels(1);
        self.client.set_window_size(1_280 + pixels(2), height).await.unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/console");
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(format!("{folder}/{name}.png"), self.client.screenshot().await.unwrap()).unwrap();
    }
}

fn button(part: &str, name: &str) -> String {
    format!("{part}//button[normalize-space()='{name}']")
}

fn field(part: &str, label: &str) -> String {
    format!("{part}//*[@id={part}//label[normalize-space()='{label}']/@for]")
}
