/** A conversation as it was recorded, so that what is written today is read by every later release. */
import { fromHex } from '../encoding/hex.ts';

export const ALICE_TO_BOB = {
  agreed: {
    secret: fromHex('3e3e9d1d5807dc76ca59c94eed9aa9f0f3629d79375dde947b9aad960e697edd'),
    associated: fromHex(
      '07fb3822736a22de234a4749067d97a61b3a69eb43959e300c0e05c672baa56d4c8326f2b1ee19d896b8ba2bb4b0578291015ea503d93c91e5df36c8a6bbc45a04f1518e9b3eca676c7881f8ba4d304579771e4dd2cb58e6fd1977e1a7d993cceef72aaef4db7dd3532110d3244d13f64e1282e68211bea040de58abfe57b32b',
    ),
  },
  /** Bob's signed pre-key. */
  preKey: {
    publicKey: fromHex('e800431d5b996fde8354aa34d745915f83e1bd9925fb8bf4cf729af7cc5e7332'),
    privateKey: fromHex('902fa270758029980765086807aa7ec883e78a2c11116393975888ca1ccef055'),
  },
  messages: [
    fromHex(
      '82582da3616e00626468582090f0945c76e9f3099888ce40dd73183507ef611e38dfcd154450897beb32f91262706e005819527eff46f436ae132eb142a4c91be8c887c1fc394e3118c2ab',
    ),
    fromHex(
      '82582da3616e01626468582090f0945c76e9f3099888ce40dd73183507ef611e38dfcd154450897beb32f91262706e00581b1918718f715a479d1075ab9a19c40c7110ad1cae375c97ff688893',
    ),
    fromHex(
      '82582da3616e03626468582090f0945c76e9f3099888ce40dd73183507ef611e38dfcd154450897beb32f91262706e00582ceaf6d5f07d5220678f67ce1028b15379741ea1616a556eb7851994a3d40d221b2bdb1b7abfbd879b4f1d929e',
    ),
    fromHex(
      '82582da3616e02626468582090f0945c76e9f3099888ce40dd73183507ef611e38dfcd154450897beb32f91262706e00501010302cf0662305a01a2b836ce1509b',
    ),
  ],
  texts: ['the first', 'ünïcödé', 'the fourth, before the third', ''],
};
