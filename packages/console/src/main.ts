import './schemas.ts';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { createApp } from 'vue';
import App from './App.vue';

const root = document.querySelector<HTMLElement>('#app');
if (root) createApp(App, { served: root.dataset['way'] === 'door' }).mount(root);
