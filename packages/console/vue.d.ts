declare module '*.vue' {
  import type { DefineComponent } from 'vue';

  const component: DefineComponent;

  // biome-ignore lint/style/noDefaultExport: it is how components come out of their files
  export { component as default };
}
declare module '*.css';
