//! The real handlers, built over the world's ports.

use std::collections::BTreeMap;
use std::sync::Arc;

use capture_exception::{ALLOCATION, CaptureException, ERP, FULFILLMENT, STOREFRONT, Source};
use crossdock_domain::ConnectionId;
use crossdock_runner::{
    Calls, Connectors, Directory, HoldKeeper, Intake, Keeping, Recorder, Runner, Step, StepFunction, StockKeeper,
    Undelivered, Unmapped,
};
use crossdock_step::{Clock, Queue};

use crate::ports::{CrashPlan, Store, Traffic, WorldBus, WorldQueue};

/// Every function, by what it is called with.
pub(crate) struct Functions {
    pub(crate) accept_order: accept_order::AcceptOrder,
    pub(crate) cancel_order: cancel_order::CancelOrder,
    pub(crate) request_return: request_return::RequestReturn,
    pub(crate) validate_checkout: validate_checkout::ValidateCheckout,
    pub(crate) hold_stock: hold_stock::HoldStock,
    pub(crate) read_order: read_order::ReadOrder,
    pub(crate) operate: operate::Operate,
    pub(crate) manage_stock: manage_stock::ManageStock,
    pub(crate) receive_webhook: receive_webhook::ReceiveWebhook,
    pub(crate) translate_inbound: translate_inbound::TranslateInbound,
    pub(crate) allocate_order: allocate_order::Function,
    pub(crate) steps: BTreeMap<&'static str, StepFunction>,
    pub(crate) publish_stock: publish_stock::PublishStock,
    pub(crate) publish_events: publish_events::PublishEvents,
    pub(crate) capture_exception: CaptureException,
    pub(crate) watch_deadlines: watch_deadlines::WatchDeadlines,
    pub(crate) reconcile: reconcile::Reconcile,
    pub(crate) poll_source: poll_source::PollSource,
    pub(crate) sync_catalogue: sync_catalogue::SyncCatalogue,
}

/// What functions are built from.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) calls: Calls,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) plan: Arc<CrashPlan>,
    pub(crate) fulfillment: ConnectionId,
    pub(crate) erp: ConnectionId,
    pub(crate) storefront: ConnectionId,
}

impl Parts {
    fn queue(&self, name: &str) -> Arc<dyn Queue> {
        Arc::new(WorldQueue { name: name.to_owned(), traffic: self.traffic.clone(), plan: self.plan.clone() })
    }

    fn bus(&self) -> Arc<WorldBus> {
        Arc::new(WorldBus { traffic: self.traffic.clone(), plan: self.plan.clone() })
    }

    fn recorder(&self) -> Recorder {
        Recorder::new(Arc::new(self.store.clone()), self.clock.clone())
    }

    fn directory(&self) -> Arc<Directory> {
        Arc::new(Directory::new(Arc::new(self.store.clone()), self.clock.clone()))
    }

    fn keeper(&self) -> StockKeeper {
        let store = Arc::new(self.store.clone());
        StockKeeper::new(store.clone(), store, self.clock.clone())
    }

    fn hold_keeper(&self) -> HoldKeeper {
        let store = Arc::new(self.store.clone());
        HoldKeeper::new(store.clone(), store, self.clock.clone())
    }

    fn step(
        &self,
        actor: &'static str,
        queue: &str,
        build: impl FnOnce(Arc<Directory>) -> Box<dyn Step>,
    ) -> StepFunction {
        let directory = self.directory();
        let runner = Runner::new(self.recorder(), directory.clone(), Arc::new(self.store.clone()), actor);
        StepFunction { runner, step: build(directory), queue: self.queue(queue), documents: None }
    }

    fn steps(&self) -> BTreeMap<&'static str, StepFunction> {
        let (store, calls) = (Arc::new(self.store.clone()), self.calls.clone());
        let erp = self.step("post-to-erp", "ErpQueue", |directory| {
            Box::new(post_to_erp::PostToErp {
                directory,
                calls: calls.clone(),
                erps: Connectors::new(crossdock_connectors::erp),
                items: store.clone(),
            })
        });
        let fulfillment = self.step("request-fulfillment", "FulfillmentQueue", |directory| {
            let (items, people) = (store.clone(), store.clone());
            Box::new(request_fulfillment::RequestFulfillment {
                directory,
                calls: calls.clone(),
                fulfillments: Connectors::new(crossdock_connectors::fulfillment),
                items,
                people,
            })
        });
        let storefront = self.step("update-storefront", "StorefrontQueue", |directory| {
            Box::new(update_storefront::UpdateStorefront {
                directory,
                calls: calls.clone(),
                storefronts: Connectors::new(crossdock_connectors::storefront),
            })
        });
        let erp = erp.with_documents(post_to_erp::PostStock {
            keeper: self.keeper(),
            directory: self.directory(),
            calls: calls.clone(),
            erps: Connectors::new(crossdock_connectors::erp),
            items: store.clone(),
            people: store,
        });
        [("PostToErp", erp), ("RequestFulfillment", fulfillment), ("UpdateStorefront", storefront)].into()
    }

    pub(crate) fn build(&self) -> Functions {
        let store = Arc::new(self.store.clone());
        let (recorder, directory) = (self.recorder(), self.directory());
        Functions {
            accept_order: accept_order::AcceptOrder {
                recorder: recorder.clone(),
                directory: directory.clone(),
                people: store.clone(),
                items: store.clone(),
                markers: store.clone(),
            },
            cancel_order: cancel_order::CancelOrder { recorder: recorder.clone() },
            request_return: request_return::RequestReturn { recorder: recorder.clone() },
            validate_checkout: validate_checkout::ValidateCheckout {
                directory: directory.clone(),
                items: store.clone(),
            },
            hold_stock: hold_stock::HoldStock { directory: directory.clone(), holds: self.hold_keeper() },
            read_order: read_order::ReadOrder { log: store.clone(), views: store.clone() },
            operate: self.operate(),
            manage_stock: self.manage_stock(),
            receive_webhook: receive_webhook::ReceiveWebhook {
                directory: directory.clone(),
                secrets: self.calls.secrets.clone(),
                inbound: self.queue("InboundQueue"),
                clock: self.clock.clone(),
            },
            translate_inbound: translate_inbound::TranslateInbound {
                intake: self.intake(&directory),
                keeping: self.keeping(),
                undelivered: self.undelivered(),
                queue: self.queue("InboundQueue"),
            },
            allocate_order: self.allocate_order(),
            steps: self.steps(),
            publish_stock: self.publish_stock(),
            publish_events: publish_events::PublishEvents {
                bus: self.bus(),
                views: store.clone(),
                markers: store.clone(),
                clock: self.clock.clone(),
            },
            capture_exception: self.capture_exception(),
            reconcile: self.reconcile(),
            poll_source: self.poll_source(),
            sync_catalogue: self.sync_catalogue(),
            watch_deadlines: self.watch_deadlines(),
        }
    }

    fn keeping(&self) -> Keeping {
        let store = Arc::new(self.store.clone());
        Keeping { people: store.clone(), archive: store, kept_for: jiff::SignedDuration::from_hours(24 * 30) }
    }

    fn undelivered(&self) -> Undelivered {
        let store = Arc::new(self.store.clone());
        Undelivered { people: store.clone(), views: store, clock: self.clock.clone() }
    }

    fn watch_deadlines(&self) -> watch_deadlines::WatchDeadlines {
        let store = Arc::new(self.store.clone());
        watch_deadlines::WatchDeadlines {
            recorder: self.recorder(),
            keeper: self.keeper(),
            holds: self.hold_keeper(),
            bus: self.bus(),
            views: store.clone(),
            markers: store.clone(),
            items: store.clone(),
            connections: store,
            office: watch_deadlines::Office::always_open(),
        }
    }

    fn operate(&self) -> operate::Operate {
        let store = Arc::new(self.store.clone());
        operate::Operate {
            recorder: self.recorder(),
            keeper: self.keeper(),
            directory: self.directory(),
            views: store.clone(),
            connections: store.clone(),
            items: store.clone(),
            people: store.clone(),
            inbound: self.queue("InboundQueue"),
            markers: store.clone(),
            archive: store,
            bus: self.bus(),
            unmapped: self.unmapped(),
            console: operate::Console { issuer: self.issuer() },
        }
    }

    /// The identity provider, whose tokens the console takes.
    fn issuer(&self) -> crossdock_identity::Issuer {
        crossdock_identity::Issuer {
            http: self.calls.http(),
            jwks_url: "http://identity.sandbox/.well-known/jwks.json".into(),
            issuer: "http://identity.sandbox".into(),
            audience: "crossdock".into(),
            clock: self.clock.clone(),
            keys: crossdock_identity::Keys::default(),
        }
    }

    fn reconcile(&self) -> reconcile::Reconcile {
        let store = Arc::new(self.store.clone());
        let names = (self.fulfillment.clone(), self.erp.clone(), self.storefront.clone());
        reconcile::Reconcile {
            recorder: self.recorder(),
            keeper: self.keeper(),
            items: store.clone(),
            markers: store,
            systems: reconcile::Systems::new(self.directory(), self.calls.clone(), names),
            stock_queue: self.queue("StockQueue"),
        }
    }

    fn intake(&self, directory: &Arc<Directory>) -> Intake {
        Intake { recorder: self.recorder(), directory: directory.clone(), items: Arc::new(self.store.clone()) }
    }

    fn poll_source(&self) -> poll_source::PollSource {
        poll_source::PollSource {
            intake: self.intake(&self.directory()),
            markers: Arc::new(self.store.clone()),
            calls: self.calls.clone(),
            storefronts: Connectors::new(crossdock_connectors::storefront),
            storefront: self.storefront.clone(),
            inbound: self.queue("InboundQueue"),
        }
    }

    fn sync_catalogue(&self) -> sync_catalogue::SyncCatalogue {
        let store = Arc::new(self.store.clone());
        sync_catalogue::SyncCatalogue {
            keeper: self.keeper(),
            items: store.clone(),
            markers: store,
            directory: self.directory(),
            calls: self.calls.clone(),
            erps: Connectors::new(crossdock_connectors::erp),
            erp: self.erp.clone(),
            unmapped: self.unmapped(),
        }
    }

    fn unmapped(&self) -> Unmapped {
        let store = Arc::new(self.store.clone());
        Unmapped {
            recorder: self.recorder(),
            keeper: self.keeper(),
            directory: self.directory(),
            connections: store.clone(),
            views: store.clone(),
            items: store,
        }
    }

    fn publish_stock(&self) -> publish_stock::PublishStock {
        publish_stock::PublishStock {
            directory: self.directory(),
            calls: self.calls.clone(),
            storefronts: Connectors::new(crossdock_connectors::storefront),
            items: Arc::new(self.store.clone()),
            shops: vec![self.storefront.clone()],
            queue: self.queue("StockQueue"),
            clock: self.clock.clone(),
        }
    }

    fn manage_stock(&self) -> manage_stock::ManageStock {
        manage_stock::ManageStock {
            keeper: self.keeper(),
            items: Arc::new(self.store.clone()),
            directory: self.directory(),
            clock: self.clock.clone(),
            erp: self.erp.clone(),
            unmapped: self.unmapped(),
        }
    }

    fn allocate_order(&self) -> allocate_order::Function {
        let (recorder, directory, store) = (self.recorder(), self.directory(), Arc::new(self.store.clone()));
        allocate_order::Function {
            runner: Runner::new(recorder.clone(), directory.clone(), store.clone(), "allocate-order"),
            step: allocate_order::AllocateOrder { directory, items: store.clone() },
            recorder,
            views: store,
        }
    }

    fn capture_exception(&self) -> CaptureException {
        let store = Arc::new(self.store.clone());
        let sources = [
            ("ErpDeadLetters", Source::Step(ERP)),
            ("FulfillmentDeadLetters", Source::Step(FULFILLMENT)),
            ("StorefrontDeadLetters", Source::Step(STOREFRONT)),
            ("AllocateFailures", Source::Step(ALLOCATION)),
            ("InboundDeadLetters", Source::Inbound),
        ];
        CaptureException {
            recorder: self.recorder(),
            keeper: self.keeper(),
            undelivered: self.undelivered(),
            people: store,
            sources: sources.into_iter().map(|(name, source)| (name.to_owned(), source)).collect(),
        }
    }
}
