//! Stopping at any moment loses nothing.

use crate::harness::World;

#[tokio::test]
async fn a_journey_survives_a_restart_at_each_step() {
    let mut world = World::start().await;
    let browser = world.signed_in("ada").await;
    world.restart().await;
    let page = browser.check_out(&[("plan", "starter"), ("period", "monthly")]).await;
    world.restart().await;
    assert_eq!(browser.check_out(&[("plan", "starter"), ("period", "monthly")]).await, page);
    let success = browser.pay(&page).await;
    world.restart().await;
    browser.get(&success).await;
    assert_eq!(browser.organization().await["subscriptionTier"], "starter");
    world.restart().await;
    assert_eq!(browser.organization().await["subscriptionTier"], "starter");
    world.settled().await;
    assert_eq!(world.count("subscriptions").await, 1);
}
