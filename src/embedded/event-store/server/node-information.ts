/** What a client asks before it does anything: which methods the server has, and which members the cluster. */

import { randomUUID } from 'node:crypto';
import type { ClusterInfo } from '@eventstore/db-client/generated/gossip_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import type { SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb.js';
import serverFeatures from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';

/** The protocol spoken, not the product: clients compare it with the versions in which features appeared. */
const SERVER_VERSION = '24.10.0';
const INSTANCE_ID = randomUUID();

/**
 * What clients may ask of a method beyond its being there, in EventStoreDB's words. BatchAppend has "deadline_duration" there, and not
 * here: a deadline is read as a point in time, which is how this client sends it.
 */
const FEATURES: Readonly<Record<string, readonly string[]>> = {
  '/event_store.client.streams.Streams/Read': ['position', 'events'],
};

export function supportedMethods(paths: readonly string[]): SupportedMethods {
  const answer = new serverFeatures.SupportedMethods().setEventStoreServerVersion(SERVER_VERSION);
  for (const path of paths) {
    const [, service = '', method = ''] = path.toLowerCase().split('/');
    const supported = new serverFeatures.SupportedMethod().setServiceName(service).setMethodName(method);
    answer.addMethods(supported.setFeaturesList([...(FEATURES[path] ?? [])]));
  }
  return answer;
}

/**
 * A cluster of one, which leads, at the authority under which the client has just reached it: behind a wildcard address or a forwarded
 * port, the node does not know a better one.
 */
export function clusterInfo(authority: string): ClusterInfo {
  const { hostname, port } = new URL(`esdb://${authority}`);
  const member = new gossip.MemberInfo()
    .setInstanceId(new shared.UUID().setString(INSTANCE_ID))
    .setTimeStamp(`${Date.now()}0000`)
    .setState(gossip.MemberInfo.VNodeState.LEADER)
    .setIsAlive(true)
    .setHttpEndPoint(new gossip.EndPoint().setAddress(hostname).setPort(Number(port)));
  return new gossip.ClusterInfo().setMembersList([member]);
}
