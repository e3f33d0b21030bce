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

export function supportedMethods(paths: readonly string[]): SupportedMethods {
  const answer = new serverFeatures.SupportedMethods().setEventStoreServerVersion(SERVER_VERSION);
  for (const path of paths) {
    const [, service = '', method = ''] = path.toLowerCase().split('/');
    answer.addMethods(new serverFeatures.SupportedMethod().setServiceName(service).setMethodName(method));
  }
  return answer;
}

/** A cluster of one, which leads. */
export function clusterInfo(address: string, port: number): ClusterInfo {
  const member = new gossip.MemberInfo()
    .setInstanceId(new shared.UUID().setString(INSTANCE_ID))
    .setTimeStamp(`${Date.now()}0000`)
    .setState(gossip.MemberInfo.VNodeState.LEADER)
    .setIsAlive(true)
    .setHttpEndPoint(new gossip.EndPoint().setAddress(address).setPort(port));
  return new gossip.ClusterInfo().setMembersList([member]);
}
