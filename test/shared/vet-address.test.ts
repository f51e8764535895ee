import assert from "node:assert/strict";
import { test } from "node:test";

import { isOwnNetwork, isPublicAddress } from "../../shared/vet-address.ts";

const INSIDE: Record<string, readonly string[]> = {
  loopback: ["127.0.0.1", "127.255.255.254", "::1"],
  unspecified: ["0.0.0.0", "0.1.2.3", "::"],
  private: ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
  "carrier-grade NAT": ["100.64.0.1", "100.127.255.255", "100.100.100.200"],
  "link-local": ["169.254.169.254", "169.254.0.1", "fe80::1", "febf::1", "fec0::1"],
  multicast: ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
  broadcast: ["255.255.255.255"],
  reserved: ["240.0.0.1", "192.0.0.1", "192.0.0.192", "192.88.99.1", "198.18.0.1", "198.19.255.255"],
  documentation: ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
  "the platform of a cloud": ["168.63.129.16"],
  "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8"],
  "IPv4-compatible": ["::127.0.0.1", "::7f00:1", "::a00:1"],
  "IPv4-translated": ["::ffff:0:127.0.0.1"],
  NAT64: ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1"],
  "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"],
  Teredo: ["2001::1", "2001:0:7f00:1::"],
  ISATAP: ["2a00:1450::5efe:a00:1", "2a00:1450::200:5efe:c0a8:101"],
  "benchmarks, ORCHID and segment routing": ["2001:2::1", "2001:10::1", "2001:20::1", "5f00::1"],
  discard: ["100::1"],
  "not given out": ["4000::1", "8000::1", "e000::1", "::1:0:0"],
  "other spellings": ["0177.0.0.1", "010.0.0.1", "2130706433", "0x7f000001", "127.1", "8.8.8.010", "1.1"],
  "with a zone": ["fe80::1%eth0", "2a00:1450::1%eth0"],
  "no addresses": ["", "example.org", "[2a00:1450::1]", "8.8.8.8:80", "8.8.8.8/8", " 8.8.8.8"],
};

for (const [kind, addresses] of Object.entries(INSIDE)) {
  test(`not public: ${kind}`, () => {
    assert.deepEqual(addresses.filter(isPublicAddress), []);
  });
}

test("public addresses are public, right beside the ranges that are not", () => {
  const addresses = [
    ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"],
    ["128.0.0.1", "168.63.129.15", "168.63.129.17", "169.253.255.255", "172.15.255.255", "172.32.0.0"],
    ["192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"],
    ["2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888", "2003::1", "2600:1f00::5efe:1"],
  ].flat();
  assert.deepEqual(
    addresses.filter((address) => !isPublicAddress(address)),
    [],
  );
});

test("the household's own public addresses are inside, others' are not", () => {
  const own = ["127.0.0.1", "fe80::1%wlan0", "2a00:1450:1:2300::10", "8.8.4.4", "::ffff:9.9.9.9", "nonsense"];
  for (const address of ["2a00:1450:1:2300::10", "2a00:1450:1:23ff::1", "8.8.4.4", "9.9.9.9"])
    assert.ok(isOwnNetwork(address, own), address);
  for (const address of ["2a00:1450:1:2400::1", "8.8.4.5", "2606:4700::1111"])
    assert.ok(!isOwnNetwork(address, own), address);
});
