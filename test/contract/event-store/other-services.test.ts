/** What a node of ours does not have: it says so at once, by an error, and everything else goes on. */
import {
  type EventStoreDBClient,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
} from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import { eventStoreUnderTest, failureOf, isOwnNode, newStream, numbered, readNs } from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

const CALLS: [string, (client: EventStoreDBClient) => Promise<unknown>][] = [
  ['createProjection', (client) => client.createProjection('p', 'fromAll()')],
  ['updateProjection', (client) => client.updateProjection('p', 'fromAll()')],
  ['deleteProjection', (client) => client.deleteProjection('p')],
  ['enableProjection', (client) => client.enableProjection('$by_category')],
  ['disableProjection', (client) => client.disableProjection('$by_category')],
  ['abortProjection', (client) => client.abortProjection('p')],
  ['resetProjection', (client) => client.resetProjection('p')],
  ['getProjectionState', (client) => client.getProjectionState('p')],
  ['getProjectionResult', (client) => client.getProjectionResult('p')],
  ['getProjectionStatus', (client) => client.getProjectionStatus('p')],
  ['listProjections', (client) => client.listProjections()],
  ['restartSubsystem', (client) => client.restartSubsystem()],
  [
    'createPersistentSubscriptionToStream',
    (client) => client.createPersistentSubscriptionToStream('s', 'g', persistentSubscriptionToStreamSettingsFromDefaults()),
  ],
  [
    'updatePersistentSubscriptionToStream',
    (client) => client.updatePersistentSubscriptionToStream('s', 'g', persistentSubscriptionToStreamSettingsFromDefaults()),
  ],
  ['deletePersistentSubscriptionToStream', (client) => client.deletePersistentSubscriptionToStream('s', 'g')],
  ['getPersistentSubscriptionToStreamInfo', (client) => client.getPersistentSubscriptionToStreamInfo('s', 'g')],
  ['listPersistentSubscriptionsToStream', (client) => client.listPersistentSubscriptionsToStream('s')],
  ['replayParkedMessagesToStream', (client) => client.replayParkedMessagesToStream('s', 'g')],
  [
    'createPersistentSubscriptionToAll',
    (client) => client.createPersistentSubscriptionToAll('g', persistentSubscriptionToAllSettingsFromDefaults()),
  ],
  [
    'updatePersistentSubscriptionToAll',
    (client) => client.updatePersistentSubscriptionToAll('g', persistentSubscriptionToAllSettingsFromDefaults()),
  ],
  ['deletePersistentSubscriptionToAll', (client) => client.deletePersistentSubscriptionToAll('g')],
  ['getPersistentSubscriptionToAllInfo', (client) => client.getPersistentSubscriptionToAllInfo('g')],
  ['listPersistentSubscriptionsToAll', (client) => client.listPersistentSubscriptionsToAll()],
  ['listAllPersistentSubscriptions', (client) => client.listAllPersistentSubscriptions()],
  ['replayParkedMessagesToAll', (client) => client.replayParkedMessagesToAll('g')],
  ['restartPersistentSubscriptionSubsystem', (client) => client.restartPersistentSubscriptionSubsystem()],
];

const name = 'a service that the node does not have';
(isOwnNode ? describe : describe.skip)(isOwnNode ? name : `${name}: SKIPPED, EventStoreDB has them all`, () => {
  test.each(CALLS)('refuses %s', async (_, call) => {
    const refused = call(store.client);
    await expect(refused).rejects.toBeInstanceOf(Error);
    await expect(refused).rejects.not.toMatchObject({ type: 'deadline-exceeded' });
  });

  test('refuses persistent subscriptions, to a stream and to $all', async () => {
    const subscriptions = [
      store.client.subscribeToPersistentSubscriptionToStream('s', 'g'),
      store.client.subscribeToPersistentSubscriptionToAll('g'),
    ];
    for (const error of await Promise.all(subscriptions.map(failureOf))) expect(error).toBeInstanceOf(Error);
  });

  test('leaves the connection as it was', async () => {
    const stream = newStream();
    await store.client.appendToStream(stream, numbered(0));
    await Promise.allSettled(CALLS.map(([, call]) => call(store.client)));
    await store.client.appendToStream(stream, numbered(1));
    expect(await readNs(store.client, stream)).toEqual([0, 1]);
  });
});
